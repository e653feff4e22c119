package standin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong on purpose. Faults combine: all that apply to
// a request change its answer, and where two give an answer of their own the first
// one does. A fault that counts, as [Times] and [RateLimit] do, belongs to one
// server. The zero Fault does nothing.
type Fault struct {
	text string
	act  func(*plan)
}

// String is the fault in the words of [ParseFault].
func (f Fault) String() string { return f.text }

func (f Fault) apply(p *plan) {
	if f.act != nil {
		f.act(p)
	}
}

// Times applies faults to the next n requests, and is over then.
func Times(n int, faults ...Fault) Fault {
	var mu sync.Mutex
	left := n
	return Fault{fmt.Sprintf("times=%d %s", n, join(faults)), func(p *plan) {
		mu.Lock()
		over := left <= 0
		left--
		mu.Unlock()
		if !over {
			p.applyAll(faults)
		}
	}}
}

// Sometimes applies faults with a probability of 0 to 1; see [WithSeed].
func Sometimes(probability float64, faults ...Fault) Fault {
	text := "chance=" + strconv.FormatFloat(probability, 'g', -1, 64) + " " + join(faults)
	return Fault{text, func(p *plan) {
		if p.chance() < probability {
			p.applyAll(faults)
		}
	}}
}

// together is faults as one.
func together(faults []Fault) Fault {
	return Fault{join(faults), func(p *plan) { p.applyAll(faults) }}
}

func join(faults []Fault) string {
	texts := make([]string, len(faults))
	for i, fault := range faults {
		texts[i] = fault.text
	}
	return strings.Join(texts, and)
}

// plan is how one request will be answered. Faults write it, the server follows it.
type plan struct {
	form   form
	now    time.Time
	chance func() float64

	delay   time.Duration
	life    time.Duration // at most, when above zero
	again   bool          // the same URL once more
	instead *answer
	edits   []func(*answer)
	breaks  []func(*answer)
	acted   []string
}

func (p *plan) applyAll(faults []Fault) {
	for _, fault := range faults {
		fault.apply(p)
	}
}

func (p *plan) answerWith(a *answer) {
	if p.instead == nil {
		p.instead = a
	}
}

// edit changes the answer before it becomes bytes.
func (p *plan) edit(change func(*answer)) { p.edits = append(p.edits, change) }

// mangle changes the answer's bytes.
func (p *plan) mangle(change func(*answer)) { p.breaks = append(p.breaks, change) }

func (p *plan) spoil(a *answer) {
	for _, edit := range p.edits {
		edit(a)
	}
	a.render()
	for _, mangle := range p.breaks {
		mangle(a)
	}
}

// mischief is the faults in force.
type mischief struct {
	mu     sync.Mutex
	random *rand.Rand
	common []Fault
	byKey  map[string][]Fault
}

func newMischief() *mischief {
	m := &mischief{byKey: map[string][]Fault{}}
	m.seed(1)
	return m
}

func (m *mischief) seed(seed uint64) { m.random = rand.New(rand.NewPCG(seed, seed)) }

func (m *mischief) chance() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.Float64()
}

func (m *mischief) set(faults []Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.common = slices.Clone(faults)
}

func (m *mischief) setFor(key string, faults []Fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byKey[key] = slices.Clone(faults)
}

func (m *mischief) heal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.common = nil
	clear(m.byKey)
}

// faultsFor is what goes wrong for a key: its own faults come first.
func (m *mischief) faultsFor(key string) []Fault {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat(m.byKey[key], m.common)
}
