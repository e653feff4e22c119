package standin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

const (
	// Path is the path of the endpoint.
	Path = "/v1/billings/billing_ui"
	// PagePath is the path of the page that granted URLs open.
	PagePath = "/v1/billings/index.html"
)

// Server stands in for Xtracta's API. Its methods are safe for concurrent use.
type Server struct {
	clock        *skewedClock
	base         string
	root         string
	tokens       func() string
	maxLife      time.Duration
	singleUse    bool
	rejectInBody bool
	observe      func(Request)

	keys     keyring
	grants   grants
	requests requestLog
	faults   *activeFaults
	gate     gate

	routes *http.ServeMux
}

// New returns a server to which no key has access, unless [WithKeys] or [AcceptAnyKey]
// gives it.
func New(options ...Option) *Server {
	s := &Server{
		clock:   &skewedClock{inner: clock.RealClock{}},
		root:    sampleRoot,
		tokens:  randomToken,
		maxLife: maxLife,
		observe: func(Request) {},
		faults:  newActiveFaults(),
		routes:  http.NewServeMux(),
	}
	s.routes.HandleFunc(Path, s.serveBillingUI)
	s.routes.HandleFunc(PagePath, s.servePage)
	s.routes.HandleFunc("/", s.serveNothing)
	for _, option := range options {
		option(s)
	}
	return s
}

// ServeHTTP serves the endpoint, and the billing page of a granted URL.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	s.routes.ServeHTTP(w, r)
}

// AddKeys gives keys access.
func (s *Server) AddKeys(keys ...string) { s.keys.add(keys...) }

// RevokeKeys takes access away from keys, even when the server accepts any key. URLs that
// were granted to them work until they expire.
func (s *Server) RevokeKeys(keys ...string) { s.keys.revoke(keys...) }

// SetClockOffset sets the server's clock ahead of the true time, or behind it when the
// offset is negative. Date, expire and the expiry of pages follow that clock.
func (s *Server) SetClockOffset(offset time.Duration) { s.clock.skew(offset) }

// Misbehave replaces the faults of all keys. Without arguments it removes them.
func (s *Server) Misbehave(faults ...Fault) { s.faults.set(faults) }

// MisbehaveFor replaces the faults of one key, which come on top of those of all keys.
func (s *Server) MisbehaveFor(key string, faults ...Fault) { s.faults.setFor(key, faults) }

// Heal removes all faults. It leaves keys, counts and the clock as they are.
func (s *Server) Heal() { s.faults.heal() }

// Hold holds back all answers, including those of requests under way, until release is
// called. Requests are still decided as they arrive, and counted, so that a test can stop a
// client between its request and the answer. A fault that is set later is not theirs.
func (s *Server) Hold() (release func()) { return s.gate.hold() }

// InFlight returns how many requests have arrived and are not answered yet.
func (s *Server) InFlight() int { return s.requests.inFlight() }

// Requests returns how many requests came with a key, whatever their outcome.
func (s *Server) Requests(key string) int { return s.requests.of(key) }

// Total returns how many requests came, including those without a readable key.
func (s *Server) Total() int { return s.requests.total() }

// Log returns the most recent requests, at most 100,000, in order of arrival.
func (s *Server) Log() []Request { return s.requests.log() }

// Grants returns what was granted to a key, oldest first. It may omit grants that
// expired more than a day ago.
func (s *Server) Grants(key string) []Grant { return s.grants.of(key) }

// Visits returns how often the page was opened, including with unknown URLs.
func (s *Server) Visits() int { return s.grants.visited() }

func (s *Server) now() time.Time { return s.clock.Now() }

func (s *Server) serveBillingUI(w http.ResponseWriter, r *http.Request) {
	form, refused := readForm(w, r)
	entry := s.requests.arrive(form, s.clock.inner.Now())
	defer s.requests.leave()

	plan := &plan{form: form, now: s.now(), chance: s.faults.chance}
	answer := s.decide(r, form, refused, plan)
	if !s.gate.pass(r.Context()) || !pause(r.Context(), plan.delay) {
		answer.outcome, answer.status, answer.life = Abandoned, 0, 0
	}
	s.observe(s.requests.decided(entry, answer, plan.applied))
	if answer.outcome == Abandoned {
		deliverNothing(w, r, answer)
	}
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	answer.write(w, r)
}

// decide returns the answer to a request. A request that the document does not allow is
// refused in spite of all faults: no fault hides a client's mistake.
func (s *Server) decide(r *http.Request, form form, refused *refusal, plan *plan) *answer {
	if refused != nil {
		return s.finish(refuse(refused), plan)
	}
	plan.applyAll(s.faults.faultsFor(form.key))
	if plan.instead != nil {
		return s.finish(plan.instead, plan)
	}
	return s.finish(s.faultless(r, form, plan), plan)
}

func (s *Server) finish(answer *answer, plan *plan) *answer {
	answer.root(s.root)
	plan.finish(answer)
	return answer
}

// faultless returns the answer of a service without faults.
func (s *Server) faultless(r *http.Request, form form, plan *plan) *answer {
	if !s.keys.hasAccess(form.key) {
		return s.rejectKey()
	}
	if last, alive := s.grants.last(form.key, s.now()); plan.sameURL && alive {
		return granted(last, last.Expire.Sub(s.now()))
	}
	life := min(form.expire, s.maxLife)
	if plan.maxLife > 0 {
		life = min(life, plan.maxLife)
	}
	grant := Grant{
		URL:    s.baseOf(r) + PagePath + "?t=" + s.tokens(),
		Expire: s.now().Truncate(time.Second).Add(life),
		Purge:  form.purge,
	}
	s.grants.add(form.key, grant, s.now())
	return granted(grant, life)
}

func refuse(refused *refusal) *answer {
	answer := failed(refused.status, refused.message)
	answer.outcome = Invalid
	for name, value := range refused.header {
		answer.header.Set(name, value)
	}
	return answer
}

func (s *Server) rejectKey() *answer {
	answer := failed(http.StatusForbidden, "The API key has no access to this resource")
	answer.outcome = Refused
	if s.rejectInBody {
		answer.status = http.StatusOK
	}
	return answer
}

// baseOf returns the scheme and host of granted URLs: the configured ones, or else those
// that the client called.
func (s *Server) baseOf(r *http.Request) string {
	if s.base != "" {
		return strings.TrimSuffix(s.base, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// pause waits. It reports whether the client is still there.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
