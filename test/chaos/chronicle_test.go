//go:build long

package chaos

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// chronicle is what happened, for whoever has to find out why something did not hold.
type chronicle struct {
	began time.Time

	mu      sync.Mutex
	entries []entry
	acts    map[int]int // of people, by session
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
	return &chronicle{began: time.Now(), acts: map[int]int{}}
}

func (c *chronicle) note(session int, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = append(c.entries, entry{time.Now(), session, fmt.Sprintf(format, args...)})
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

// violated fails the test, and tells what an engineer on call would want to know.
func (w *world) violated(session int, format string, args ...any) {
	w.T.Helper()
	name := "no session in particular"
	if session != nobody {
		name = sessionName(session)
	}
	now := time.Now()
	w.T.Errorf("%s at %s (%s): %s\n  what led to it:\n%s", name, w.chronicle.when(now), now.UTC().Format(time.RFC3339Nano),
		fmt.Sprintf(format, args...), w.chronicle.history(session))
}
