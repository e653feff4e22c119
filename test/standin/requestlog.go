package standin

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"
)

const maxLogLength = 100_000

// Outcome is what a request led to.
type Outcome string

const (
	// Pending: the answer is not decided yet, or is being held back.
	Pending Outcome = "pending"
	// Granted: a URL and its expiry, as the document says.
	Granted Outcome = "granted"
	// Refused: the key has no access.
	Refused Outcome = "refused"
	// Invalid: the document does not allow the request.
	Invalid Outcome = "invalid"
	// Faulted: another answer than that of a service without faults.
	Faulted Outcome = "faulted"
	// Abandoned: the client left before the answer.
	Abandoned Outcome = "abandoned"
)

// Request is an entry of the log. It contains neither a key nor a URL.
type Request struct {
	// Time is when it arrived, by the true clock.
	Time time.Time
	// Key is the [KeyID] of the key that was sent.
	Key string
	// Purge is what was sent: delete, process or nothing.
	Purge string
	// Expire is the lifetime that was asked for, or else the document's default.
	Expire time.Duration
	// Outcome is what it led to.
	Outcome Outcome
	// Status is the HTTP code of the answer, or zero without an answer.
	Status int
	// Life is the lifetime that was granted.
	Life time.Duration
	// Fault names the faults that were applied.
	Fault string
}

// Summary describes the request in one line, without its time.
func (r Request) Summary() string {
	summary := fmt.Sprintf("key %s: %s", cmp.Or(r.Key, "-"), r.Outcome)
	switch {
	case r.Outcome == Granted:
		summary += fmt.Sprintf(" for %s", r.Life)
	case r.Status != 0:
		summary += fmt.Sprintf(" with %d", r.Status)
	}
	if r.Fault != "" {
		summary += " (" + r.Fault + ")"
	}
	return summary
}

// requestLog counts all requests and keeps the recent ones.
type requestLog struct {
	mu         sync.Mutex
	countByKey map[string]int
	count      int
	unanswered int
	entries    []*Request
}

// arrive adds a request, whose outcome is pending.
func (l *requestLog) arrive(form form, now time.Time) *Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.countByKey == nil {
		l.countByKey = map[string]int{}
	}
	if form.key != "" {
		l.countByKey[form.key]++
	}
	l.count++
	l.unanswered++
	entry := &Request{Time: now, Key: KeyID(form.key), Purge: form.purge, Expire: form.expire, Outcome: Pending}
	l.entries = append(l.entries, entry)
	if len(l.entries) > 2*maxLogLength {
		l.entries = append([]*Request(nil), l.entries[maxLogLength:]...)
	}
	return entry
}

// decided records the outcome of a request. It returns a copy of the entry.
func (l *requestLog) decided(entry *Request, answer *answer, faults []string) Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry.Outcome = answer.outcome
	entry.Status = answer.status
	entry.Life = answer.life
	entry.Fault = strings.Join(faults, separator)
	return *entry
}

// leave counts a request as answered.
func (l *requestLog) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unanswered--
}

func (l *requestLog) inFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unanswered
}

func (l *requestLog) of(key string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.countByKey[key]
}

func (l *requestLog) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// byKeyID returns the counts of all keys.
func (l *requestLog) byKeyID() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[string]int, len(l.countByKey))
	for key, count := range l.countByKey {
		counts[KeyID(key)] += count
	}
	return counts
}

func (l *requestLog) log() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := l.entries[max(0, len(l.entries)-maxLogLength):]
	log := make([]Request, len(recent))
	for i, entry := range recent {
		log[i] = *entry
	}
	return log
}
