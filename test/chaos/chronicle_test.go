package chaos

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// chronicle is all that happened, as it was seen from outside.
type chronicle struct {
	began time.Time

	mu         sync.Mutex
	entries    map[int][]entry // by session; those of everyone are under nobody
	requests   map[int][]request
	acts       map[int][]act
	turnovers  []time.Time
	counts     map[string]map[string]int
	violations []violation
	// rest is when nothing was left to recover from; zero until then.
	rest time.Time
}

// nobody stands for a session where something is about none, or about all.
const nobody = -1

// entry is a line of a session's history.
type entry struct {
	at   time.Time
	what string
}

// request is one that reached the endpoint.
type request struct {
	arrived, answered time.Time
	key               string // the stand-in's name for it
	answer            answer
	life, told        time.Duration
	fault             string
}

// act is something that people did to a session.
type act struct {
	at time.Time
	// may says what the manager may do about it that it might not do otherwise.
	may permission
	// renewBefore is the margin from now on, where that was changed.
	renewBefore *time.Duration
	// until is when a suspension ends; requests from at until then are none's wish.
	until time.Time
}

type permission int

const (
	// nothing: the act is no cause to ask.
	nothing permission = iota
	// mayAsk: once, before it is due and before a wait is over.
	mayAsk
	// mayAskWithAnotherKey: also while the key before is paused.
	mayAskWithAnotherKey
)

// violation is an invariant that did not hold.
type violation struct {
	at      time.Time
	session int
	what    string
}

func newChronicle(now time.Time) *chronicle {
	return &chronicle{
		began:   now,
		entries: map[int][]entry{}, requests: map[int][]request{}, acts: map[int][]act{},
		counts: map[string]map[string]int{},
	}
}

// note writes a line into the history of a session.
func (c *chronicle) note(session int, format string, args ...any) {
	c.noteAt(time.Now(), session, format, args...)
}

func (c *chronicle) noteAt(at time.Time, session int, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[session] = append(c.entries[session], entry{at, fmt.Sprintf(format, args...)})
}

// count counts for the report.
func (c *chronicle) count(table, row string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts[table] == nil {
		c.counts[table] = map[string]int{}
	}
	c.counts[table][row]++
}

// violated notes that something did not hold.
func (c *chronicle) violated(session int, format string, args ...any) {
	c.violatedAt(time.Now(), session, format, args...)
}

func (c *chronicle) violatedAt(at time.Time, session int, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	c.noteAt(at, session, "VIOLATION: %s", what)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violations = append(c.violations, violation{at, session, what})
}

func (c *chronicle) requested(session int, r request) {
	c.noteAt(r.arrived, session, "request: %s%s, life %s%s", r.answer, because(r.fault), r.life, told(r.told))
	c.count("requests by outcome", string(r.answer))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[session] = append(c.requests[session], r)
}

func because(fault string) string {
	if fault == "" {
		return ""
	}
	return " (" + fault + ")"
}

func told(wait time.Duration) string {
	if wait == 0 {
		return ""
	}
	return fmt.Sprintf(", to wait %s", wait)
}

func (c *chronicle) acted(session int, a act) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acts[session] = append(c.acts[session], a)
}

// turnover notes that another process asks from now on.
func (c *chronicle) turnover() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turnovers = append(c.turnovers, time.Now())
}

func (c *chronicle) beginRest() {
	c.note(nobody, "all has recovered; from here on nothing is asked but what is due")
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rest = time.Now()
}

const (
	// linesOfHistory is how much of a history a violation is told with.
	linesOfHistory = 40
	// violationsInFull is how many are told with their history.
	violationsInFull = 12
)

// history is what led to an instant: the session's lines and those of everyone.
func (c *chronicle) history(session int, until time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	lines := slices.Clone(c.entries[nobody])
	if session != nobody {
		lines = append(lines, c.entries[session]...)
	}
	slices.SortStableFunc(lines, func(a, b entry) int { return a.at.Compare(b.at) })
	lines = slices.DeleteFunc(lines, func(e entry) bool { return e.at.After(until.Add(2 * time.Second)) })
	var text strings.Builder
	for _, e := range lines[max(0, len(lines)-linesOfHistory):] {
		fmt.Fprintf(&text, "    %s  %s\n", c.when(e.at), e.what)
	}
	return text.String()
}

// when is an instant as the time since the beginning.
func (c *chronicle) when(at time.Time) string {
	return fmt.Sprintf("%+8.1fs", at.Sub(c.began).Seconds())
}

// report is what happened, in numbers.
func (c *chronicle) report() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var text strings.Builder
	for _, table := range slices.Sorted(maps.Keys(c.counts)) {
		rows := c.counts[table]
		total := 0
		for _, n := range rows {
			total += n
		}
		fmt.Fprintf(&text, "%s: %d\n", table, total)
		byCount := func(a, b string) int { return cmp.Or(cmp.Compare(rows[b], rows[a]), cmp.Compare(a, b)) }
		for _, row := range slices.SortedFunc(maps.Keys(rows), byCount) {
			fmt.Fprintf(&text, "  %6d  %s\n", rows[row], row)
		}
	}
	fmt.Fprintf(&text, "violated invariants: %d\n", len(c.violations))
	return text.String()
}

// complaints are the violations, each with what an on-call engineer would want to know.
func (c *chronicle) complaints() []string {
	c.mu.Lock()
	violations := slices.Clone(c.violations)
	c.mu.Unlock()
	var texts []string
	for i, v := range violations {
		text := fmt.Sprintf("%s at %s (%s): %s", nameOf(v.session), c.when(v.at), v.at.UTC().Format(time.RFC3339Nano), v.what)
		if i < violationsInFull {
			text += "\n  what led to it:\n" + c.history(v.session, v.at)
		}
		texts = append(texts, text)
	}
	return texts
}

func nameOf(session int) string {
	if session == nobody {
		return "no session in particular"
	}
	return sessionName(session)
}
