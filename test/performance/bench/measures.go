package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

const (
	kilo = 1 << 10
	mega = 1 << 20
)

// measure is a number that came out.
type measure struct {
	Name string
	// Sessions that there were; zero where it does not matter.
	Sessions int
	Value    float64
	Unit     string
	// Range that it must be within; nil for none.
	Range *bounds
}

func (m measure) String() string {
	about := m.Name
	if m.Sessions > 0 {
		about += fmt.Sprintf(" with %d sessions", m.Sessions)
	}
	return fmt.Sprintf("%s is %s %s, %s", about, number(m.Value), m.Unit, m.Range)
}

func (b *bench) note(name string, sessions int, value float64, unit string) {
	b.results = append(b.results, measure{Name: name, Sessions: sessions, Value: value, Unit: unit})
}

// efforts are of the same number of sessions.
type efforts []effort

// best is the least of all rounds: whatever else the machine does only adds.
func (all efforts) best(of func(effort) float64) float64 {
	var values []float64
	for _, e := range all {
		values = append(values, of(e))
	}
	return slices.Min(values)
}

// told are what is told of an effort as it is.
var told = []struct {
	name string
	of   func(effort) float64
}{
	{"time", func(e effort) float64 { return e.seconds }},
	{"time to the first Secret", func(e effort) float64 { return e.start }},
	{"computing time", effort.cpu},
}

// noteEfforts notes how the manager does beside the floor.
func (b *bench) noteEfforts(n int, floors, managers efforts) {
	b.noteEffort(n, "floor", floors)
	b.noteEffort(n, "manager", managers)
	for _, row := range told {
		b.note(row.name+" over the floor", n, managers.best(row.of)/floors.best(row.of), "times")
	}
}

// noteEffort notes what one of the two took, and what a session costs of processors by where it
// is computed.
func (b *bench) noteEffort(n int, who string, all efforts) {
	for _, row := range told {
		b.note(row.name+" of the "+who, n, all.best(row.of), "s")
	}
	for _, row := range []struct {
		where string
		of    func(effort) float64
	}{
		{"itself", func(e effort) float64 { return e.client }},
		{"in the API server", func(e effort) float64 { return e.apiServer }},
		{"in etcd", func(e effort) float64 { return e.etcd }},
	} {
		b.note("computing per session, the "+who+" "+row.where, n, all.best(row.of)/float64(n)*1000, "ms")
	}
}

// expected are calls that are told also where there were none.
var expected = []string{"get secrets", "create secrets", "update secrets", "patch billingsessions/status", "create events"}

// noteCallsPerSession notes the calls since the mark: those for keys by key, and
// those of the process itself as they are.
func (b *bench) noteCallsPerSession(what string, s *stage) {
	b.eachCall(what, s, func(call string, count float64) (float64, string) {
		switch {
		case ofProcess(call):
			return count, ""
		case call == "get secrets":
			return count / keys, "per key"
		}
		return count / float64(s.sessions), "per session"
	})
}

// noteCalls notes the calls since the mark as they are.
func (b *bench) noteCalls(what string, s *stage) {
	b.eachCall(what, s, func(_ string, count float64) (float64, string) { return count, "" })
}

func (b *bench) eachCall(what string, s *stage, scale func(call string, count float64) (float64, string)) {
	tally := s.tally()
	for _, call := range expected {
		tally[call] += 0
	}
	for _, call := range sortedKeys(tally) {
		value, unit := scale(call, float64(tally[call]))
		b.note(what+": "+call, s.sessions, value, unit)
	}
}

// ofProcess says that a call does not come from any session: caches and discovery.
func ofProcess(call string) bool {
	verb, _, _ := strings.Cut(call, " ")
	return verb == "list" || verb == "watch" || verb == "check" || call == "get discovery"
}

// noteMemory notes what the manager holds.
func (b *bench) noteMemory(ctx context.Context, s *stage, when string, m *manager) error {
	now, peak, err := m.resident()
	if err != nil {
		return err
	}
	families, err := m.scrape(ctx)
	if err != nil {
		return err
	}
	b.note("resident memory "+when, s.sessions, now/mega, "MB")
	b.note("peak memory "+when, s.sessions, peak/mega, "MB")
	b.note("Go heap "+when, s.sessions, sum(families["go_gc_heap_live_bytes"])/mega, "MB")
	return nil
}

// notePasses notes how often the manager looked at a session since it had made so many passes.
func (b *bench) notePasses(ctx context.Context, what string, s *stage, m *manager, before float64) error {
	passes, err := m.passes(ctx)
	b.note(what+": passes", s.sessions, (passes-before)/float64(s.sessions), "per session")
	return err
}

// noteSlopes notes what a session adds to memory.
func (b *bench) noteSlopes() {
	for _, c := range b.results.curves("MB") {
		b.note(c.name+", per session", 0, c.slope()*mega/kilo, "KB")
	}
}

// noteGrowth notes how times, their ratios and memory grow with the number of sessions, as its
// power that fits best: with 1 they double with it, with 2 a tenfold number takes a hundred times
// as much. A fixed cost, such as that of the start, makes the power smaller.
func (b *bench) noteGrowth() {
	if len(b.sessions) < 2 {
		return
	}
	for _, c := range b.results.curves("s", "MB", "times") {
		b.note("growth: "+c.name, 0, c.power(), "power of sessions")
	}
}
