//go:build long

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// chronicle is what happened, for whoever has to find out why something did not hold.
type chronicle struct {
	began time.Time

	mu        sync.Mutex
	entries   []entry
	takeovers []time.Time    // when another process began to work
	acts      map[int]int    // of people, by session
	counts    map[string]int // for the report
}

// nobody stands for a session where something is about none, or about all.
const nobody = -1

// entry is a line of a session's history, and of all of them where it is about nobody.
type entry struct {
	at      time.Time
	session int
	what    string
}

func newChronicle() *chronicle {
	return &chronicle{began: time.Now(), acts: map[int]int{}, counts: map[string]int{}}
}

func (c *chronicle) note(session int, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = append(c.entries, entry{time.Now(), session, fmt.Sprintf(format, args...)})
}

// count counts for the report.
func (c *chronicle) count(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// tookOver notes that another process asks from now on.
func (c *chronicle) tookOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.takeovers = append(c.takeovers, time.Now())
}

// acted notes what people did to a session: that may cost a request.
func (c *chronicle) acted(session int, what string) {
	c.note(session, "somebody %s", what)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acts[session]++
}

// linesOfHistory is how much of a history a violation is told with.
const linesOfHistory = 40

// history is what led to an instant: the session's lines and those of everyone.
func (c *chronicle) history(session int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, e := range c.entries {
		if e.session == session || e.session == nobody {
			lines = append(lines, fmt.Sprintf("    %s  %s", c.when(e.at), e.what))
		}
	}
	return strings.Join(lines[max(0, len(lines)-linesOfHistory):], "\n")
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
	for _, what := range slices.Sorted(maps.Keys(c.counts)) {
		fmt.Fprintf(&text, "  %6d  %s\n", c.counts[what], what)
	}
	return text.String()
}

// violated fails the test, and tells what an engineer on call would want to know.
func (w *world) violated(session int, format string, args ...any) {
	w.t.Helper()
	name := "no session in particular"
	if session != nobody {
		name = sessionName(session)
	}
	now := time.Now()
	w.t.Errorf("%s at %s (%s): %s\n  what led to it:\n%s", name, w.chronicle.when(now), now.UTC().Format(time.RFC3339Nano),
		fmt.Sprintf(format, args...), w.chronicle.history(session))
}
