package standin

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

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

// KeyID returns a name of a key that may be shown: the beginning of its SHA-256. It
// returns nothing for the empty key.
func KeyID(key string) string {
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:4])
}

// arrive adds a request, whose outcome is pending.
func (s *Server) arrive(form form) *Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := &Request{Time: s.clock.Now(), Key: KeyID(form.key), Purge: form.purge, Expire: form.expire, Outcome: Pending}
	s.log = append(s.log, entry)
	return entry
}

// decided records the outcome of a request. It returns a copy of the entry.
func (s *Server) decided(entry *Request, answer *answer, faults []string) Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.Outcome = answer.outcome
	entry.Status = answer.status
	entry.Life = answer.life
	entry.Fault = strings.Join(faults, " + ")
	return *entry
}

// InFlight returns how many requests have arrived and are not answered yet.
func (s *Server) InFlight() int {
	return s.count(func(r *Request) bool { return r.Outcome == Pending })
}

// Requests returns how many requests came with a key, whatever their outcome.
func (s *Server) Requests(key string) int {
	id := KeyID(key)
	return s.count(func(r *Request) bool { return r.Key == id })
}

func (s *Server) count(counts func(*Request) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, entry := range s.log {
		if counts(entry) {
			n++
		}
	}
	return n
}

// Total returns how many requests came, including those without a readable key.
func (s *Server) Total() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

// Log returns all requests in order of arrival.
func (s *Server) Log() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	log := make([]Request, len(s.log))
	for i, entry := range s.log {
		log[i] = *entry
	}
	return log
}

// Grant is a URL that was granted.
type Grant struct {
	// URL opens the billing page without a login.
	URL string
	// Expire is when it stops working, by the server's clock.
	Expire time.Time
	// Purge is what was asked for: delete, process or nothing.
	Purge string
}

// keep records a grant.
func (s *Server) keep(key, token string, grant Grant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grantsOf[key] = append(s.grantsOf[key], grant)
	s.grants[token] = grant
}

// Grants returns what was granted to a key, oldest first.
func (s *Server) Grants(key string) []Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.grantsOf[key])
}

// lastGrant returns the newest grant of a key, and whether it is alive.
func (s *Server) lastGrant(key string, now time.Time) (last Grant, alive bool) {
	if all := s.Grants(key); len(all) > 0 {
		last = all[len(all)-1]
	}
	return last, now.Before(last.Expire)
}

// Visits returns how often the page was opened, including with unknown URLs.
func (s *Server) Visits() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.visits
}
