package standin

import (
	"strings"
	"sync"
	"time"
)

const logLimit = 100_000

// Outcome is what a client got for its request.
type Outcome string

const (
	// Pending: the answer is not decided, or held back.
	Pending Outcome = "pending"
	// Granted: a URL and its expiry, as the document says.
	Granted Outcome = "granted"
	// Refused: the key is unknown.
	Refused Outcome = "refused"
	// Invalid: the request was not as the document says.
	Invalid Outcome = "invalid"
	// Faulted: something else than an honest service would answer.
	Faulted Outcome = "faulted"
	// Abandoned: the client went away before it was answered.
	Abandoned Outcome = "abandoned"
)

// Request is an entry of the log. It holds neither a key nor a URL.
type Request struct {
	// Time of arrival, by the true clock.
	Time time.Time
	// Key is the [KeyID] of the key that was sent.
	Key string
	// Purge as it was sent: delete, process or nothing.
	Purge string
	// Expire is the life that was asked for; the document's default when none was.
	Expire time.Duration
	// Outcome is what came of it.
	Outcome Outcome
	// Status is the HTTP code of the answer; zero when there was none.
	Status int
	// Life that the answer grants.
	Life time.Duration
	// Fault names what went wrong on purpose.
	Fault string
}

// ledger counts requests and remembers the recent ones.
type ledger struct {
	mu      sync.Mutex
	byKey   map[string]int
	all     int
	open    int
	entries []*Request
}

func (l *ledger) arrive(form form, now time.Time) *Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey == nil {
		l.byKey = map[string]int{}
	}
	if form.key != "" {
		l.byKey[form.key]++
	}
	l.all++
	l.open++
	entry := &Request{Time: now, Key: KeyID(form.key), Purge: form.purge, Expire: form.expire, Outcome: Pending}
	l.entries = append(l.entries, entry)
	if len(l.entries) > 2*logLimit {
		l.entries = append([]*Request(nil), l.entries[logLimit:]...)
	}
	return entry
}

func (l *ledger) decided(entry *Request, answer *answer, faults []string) Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry.Outcome = answer.outcome
	entry.Status = answer.status
	entry.Life = answer.life
	entry.Fault = strings.Join(faults, and)
	return *entry
}

func (l *ledger) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
}

func (l *ledger) inFlight() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

func (l *ledger) requests(key string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byKey[key]
}

func (l *ledger) total() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all
}

// byKeyID is the counts of all keys.
func (l *ledger) byKeyID() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := make(map[string]int, len(l.byKey))
	for key, count := range l.byKey {
		counts[KeyID(key)] += count
	}
	return counts
}

func (l *ledger) log() []Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	recent := l.entries[max(0, len(l.entries)-logLimit):]
	log := make([]Request, len(recent))
	for i, entry := range recent {
		log[i] = *entry
	}
	return log
}
