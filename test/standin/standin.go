package standin

import (
	"context"
	"net/http"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

const (
	// Path is where the endpoint is asked for a URL.
	Path = "/v1/billings/billing_ui"
	// PagePath is where the granted URLs point to.
	PagePath = "/v1/billings/index.html"
)

// Server stands in for Xtracta's API. All its methods may be called at any time,
// from any goroutine.
type Server struct {
	clock      *skewedClock
	base       string
	root       string
	tokens     func() string
	maxLife    time.Duration
	singleUse  bool
	bodyStatus bool
	observe    func(Request)

	keys     keyring
	grants   grants
	ledger   ledger
	mischief *mischief
	gate     gate

	routes *http.ServeMux
}

// New returns a server that knows no key, unless [WithKeys] or [AcceptAnyKey] say
// otherwise.
func New(options ...Option) *Server {
	s := &Server{
		clock:    &skewedClock{inner: clock.RealClock{}},
		root:     sampleRoot,
		tokens:   randomToken,
		maxLife:  maxLife,
		observe:  func(Request) {},
		mischief: newMischief(),
		routes:   http.NewServeMux(),
	}
	s.routes.HandleFunc(Path, s.serveBillingUI)
	s.routes.HandleFunc(PagePath, s.servePage)
	s.routes.HandleFunc("/", s.serveNothing)
	for _, option := range options {
		option(s)
	}
	return s
}

// ServeHTTP answers as the endpoint, or as the billing page behind a granted URL.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	s.routes.ServeHTTP(w, r)
}

// AddKeys makes keys known from now on.
func (s *Server) AddKeys(keys ...string) { s.keys.add(keys...) }

// RevokeKeys makes keys unknown from now on, also to a server that accepts any
// key. URLs that were granted to them work until they expire.
func (s *Server) RevokeKeys(keys ...string) { s.keys.revoke(keys...) }

// SetClockOffset puts the server's clock ahead of the true time, or behind it
// when the offset is negative. It shows in Date, in expire, and in when a page
// expires.
func (s *Server) SetClockOffset(offset time.Duration) { s.clock.skew(offset) }

// Misbehave replaces what goes wrong for all keys; nothing does when no fault is
// given.
func (s *Server) Misbehave(faults ...Fault) { s.mischief.set(faults) }

// MisbehaveFor replaces what goes wrong for one key, on top of what goes wrong for
// all.
func (s *Server) MisbehaveFor(key string, faults ...Fault) { s.mischief.setFor(key, faults) }

// Heal ends all misbehaviour. It leaves keys, counts and the clock as they are.
func (s *Server) Heal() { s.mischief.heal() }

// Hold keeps every answer back, from those of requests under way on, until release
// is called. What was asked is decided and counted all the same, so that a client
// can be ended between its request and the answer.
func (s *Server) Hold() (release func()) { return s.gate.hold() }

// InFlight is how many requests have arrived and are not answered yet.
func (s *Server) InFlight() int { return s.ledger.inFlight() }

// Requests is how many requests came with a key, whatever they were answered.
func (s *Server) Requests(key string) int { return s.ledger.requests(key) }

// Total is how many requests came, those without a readable key included.
func (s *Server) Total() int { return s.ledger.total() }

// Log is what was asked and answered, in order of arrival: the most recent 100,000
// requests.
func (s *Server) Log() []Request { return s.ledger.log() }

// Grants is what was granted to a key, oldest first, without what expired more
// than a day ago.
func (s *Server) Grants(key string) []Grant { return s.grants.of(key) }

// Visits is how often a granted URL was opened, or an unknown one tried.
func (s *Server) Visits() int { return s.grants.visited() }

func (s *Server) now() time.Time { return s.clock.Now() }

func (s *Server) serveBillingUI(w http.ResponseWriter, r *http.Request) {
	form, refused := readForm(w, r)
	entry := s.ledger.arrive(form, s.clock.inner.Now())
	defer s.ledger.leave()

	plan := &plan{form: form, now: s.now(), chance: s.mischief.chance}
	answer := s.decide(r, form, refused, plan)
	if !s.gate.pass(r.Context()) || !pause(r.Context(), plan.delay) {
		answer.outcome, answer.status, answer.life = Abandoned, 0, 0
	}
	s.observe(s.ledger.decided(entry, answer, plan.acted))
	if answer.outcome == Abandoned {
		deliverNothing(w, r, answer)
	}
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	answer.write(w, r)
}

// decide says how a request is answered. A request that is not as the document
// says is told so whatever else goes wrong: no fault hides a client's mistake.
func (s *Server) decide(r *http.Request, form form, refused *refusal, plan *plan) *answer {
	if refused != nil {
		return s.finish(refuse(refused), plan)
	}
	plan.applyAll(s.mischief.faultsFor(form.key))
	if plan.instead != nil {
		return s.finish(plan.instead, plan)
	}
	return s.finish(s.honest(r, form, plan), plan)
}

func (s *Server) finish(answer *answer, plan *plan) *answer {
	answer.root(s.root)
	plan.spoil(answer)
	return answer
}

// honest is the answer of a service where nothing goes wrong.
func (s *Server) honest(r *http.Request, form form, plan *plan) *answer {
	if !s.keys.know(form.key) {
		return s.rejectKey()
	}
	if last, alive := s.grants.last(form.key, s.now()); plan.again && alive {
		return granted(last, last.Expire.Sub(s.now()))
	}
	life := min(form.expire, s.maxLife)
	if plan.life > 0 {
		life = min(life, plan.life)
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
	if s.bodyStatus {
		answer.status = http.StatusOK
	}
	return answer
}

// baseOf is the scheme and host of granted URLs: as configured, else as the client
// called us.
func (s *Server) baseOf(r *http.Request) string {
	if s.base != "" {
		return strings.TrimSuffix(s.base, "/")
	}
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// pause waits, and says whether the client is still there.
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
