package standin

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong on purpose. Faults combine: all those of a request
// change its answer, and the first one with an answer of its own replaces it. The zero
// Fault does nothing.
type Fault struct {
	name   string
	change func(*plan)
}

// String is the fault as [ParseFault] reads it, if that knows it.
func (f Fault) String() string { return f.name }

// planned is a fault that shows in the log.
func planned(name string, change func(*plan)) Fault {
	return Fault{name, func(p *plan) {
		p.applied = append(p.applied, name)
		change(p)
	}}
}

// Times applies faults to the next n requests only. It must not be shared by servers.
func Times(n int, faults ...Fault) Fault {
	var mu sync.Mutex
	left := n
	return Fault{"times=" + strconv.Itoa(n) + " " + join(faults), func(p *plan) {
		mu.Lock()
		over := left <= 0
		left--
		mu.Unlock()
		if !over {
			p.applyAll(faults)
		}
	}}
}

func join(faults []Fault) string {
	names := make([]string, len(faults))
	for i, fault := range faults {
		names[i] = fault.name
	}
	return strings.Join(names, " + ")
}

// plan says how one request will be answered. Faults change it, then the server follows it.
type plan struct {
	form form
	now  time.Time

	delay   time.Duration
	maxLife time.Duration // no limit when zero
	sameURL bool          // grant the last URL again
	instead *answer       // replaces the grant
	edits   []func(*answer)
	applied []string // the names of the faults
}

func (p *plan) applyAll(faults []Fault) {
	for _, fault := range faults {
		if fault.change != nil {
			fault.change(p)
		}
	}
}

func (p *plan) answerWith(a *answer) {
	if p.instead == nil {
		p.instead = a
	}
}

// edit changes the answer before it is rendered.
func (p *plan) edit(change func(*answer)) { p.edits = append(p.edits, change) }

// finish applies the edits and renders the answer.
func (p *plan) finish(a *answer) *answer {
	for _, edit := range p.edits {
		edit(a)
	}
	a.render()
	return a
}
