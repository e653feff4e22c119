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

// Fault is something that goes wrong on purpose. Faults combine: all those of a request
// change its answer, and the first one with an answer of its own replaces it. A fault
// that counts requests, as [Times] and [RateLimit] do, must not be shared by servers.
// The zero Fault does nothing.
type Fault struct {
	text   string
	change func(*plan)
}

// String is the fault as [ParseFault] reads it.
func (f Fault) String() string { return f.text }

func (f Fault) apply(p *plan) {
	if f.change != nil {
		f.change(p)
	}
}

// Times applies faults to the next n requests only.
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

// Sometimes applies faults with a probability between 0 and 1. See [WithSeed].
func Sometimes(probability float64, faults ...Fault) Fault {
	text := "chance=" + strconv.FormatFloat(probability, 'g', -1, 64) + " " + join(faults)
	return Fault{text, func(p *plan) {
		if p.chance() < probability {
			p.applyAll(faults)
		}
	}}
}

// combine makes one fault of several.
func combine(faults []Fault) Fault {
	return Fault{join(faults), func(p *plan) { p.applyAll(faults) }}
}

func join(faults []Fault) string {
	texts := make([]string, len(faults))
	for i, fault := range faults {
		texts[i] = fault.text
	}
	return strings.Join(texts, separator)
}

// plan says how one request will be answered. Faults change it, then the server follows it.
type plan struct {
	form   form
	now    time.Time
	chance func() float64

	delay     time.Duration
	maxLife   time.Duration // no limit when zero
	sameURL   bool          // grant the last URL again
	instead   *answer       // replaces the grant
	edits     []func(*answer)
	byteEdits []func(*answer)
	applied   []string // the faults, as text
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

// edit changes the answer before it is rendered.
func (p *plan) edit(change func(*answer)) { p.edits = append(p.edits, change) }

// editBytes changes the answer after it has been rendered.
func (p *plan) editBytes(change func(*answer)) { p.byteEdits = append(p.byteEdits, change) }

// finish applies the edits and renders the answer.
func (p *plan) finish(a *answer) {
	for _, edit := range p.edits {
		edit(a)
	}
	a.render()
	for _, edit := range p.byteEdits {
		edit(a)
	}
}

// activeFaults are the faults in force.
type activeFaults struct {
	mu     sync.Mutex
	random *rand.Rand
	common []Fault
	byKey  map[string][]Fault
}

func newActiveFaults() *activeFaults {
	f := &activeFaults{byKey: map[string][]Fault{}}
	f.seed(1)
	return f
}

func (f *activeFaults) seed(seed uint64) { f.random = rand.New(rand.NewPCG(seed, seed)) }

func (f *activeFaults) chance() float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.Float64()
}

func (f *activeFaults) set(faults []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.common = slices.Clone(faults)
}

func (f *activeFaults) setFor(key string, faults []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.byKey[key] = slices.Clone(faults)
}

func (f *activeFaults) heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.common = nil
	clear(f.byKey)
}

// faultsFor returns the faults of a key: first its own, then those of all keys.
func (f *activeFaults) faultsFor(key string) []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Concat(f.byKey[key], f.common)
}
