// Package standin is an endpoint that answers as Xtracta's document of
// billings/billing_ui says, serves the page behind each URL that it grants, and
// misbehaves on request.
//
// It is an [http.Handler]; a test needs no more than
//
//	endpoint := standin.New(standin.WithKeys("123"))
//	server := httptest.NewServer(endpoint)
//	defer server.Close()
//	// POST server.URL+standin.Path, then ask endpoint.Requests("123").
//
// [Server.Misbehave] and [Server.MisbehaveFor] say what goes wrong:
//
//	endpoint.Misbehave(standin.Times(3, standin.Status(503)))
//	endpoint.MisbehaveFor("123", standin.Throttle(30*time.Second))
//	endpoint.Heal()
//
// The endpoint's document does not describe errors. The stand-in is strict: it refuses
// what the document does not allow, so that a mistake of a client shows here first.
//
// The stand-in does not use the code that it tests. Both are checked against the files
// in test/fixtures/golden, so that one mistyped tag cannot agree with itself.
package standin

import (
	"context"
	"net/http"
	"strings"
	"time"
)

const (
	// Path is the path of the endpoint.
	Path = "/v1/billings/billing_ui"
	// PagePath is the path of the page that granted URLs open.
	PagePath = "/v1/billings/index.html"
)

// ServeHTTP serves the endpoint, and the billing page of a granted URL.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	s.routes.ServeHTTP(w, r)
}

func (s *Server) serveBillingUI(w http.ResponseWriter, r *http.Request) {
	form, refused := readForm(w, r)
	entry := s.arrive(form)
	plan := &plan{form: form, now: s.now()}
	answer := s.decide(r, form, refused, plan)
	if !s.pass(r.Context()) || !pause(r.Context(), plan.delay) {
		answer.outcome, answer.status, answer.life = Abandoned, 0, 0
	}
	s.observe(s.decided(entry, answer, plan.applied))
	if answer.outcome == Abandoned {
		deliverNothing(w, answer)
	}
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	answer.write(w)
}

// decide returns the answer to a request. A request that the document does not allow is
// refused in spite of all faults: no fault hides a client's mistake.
func (s *Server) decide(r *http.Request, form form, refused *answer, plan *plan) *answer {
	if refused != nil {
		return plan.finish(refused)
	}
	plan.applyAll(s.faultsFor(form.key))
	if plan.instead != nil {
		return plan.finish(plan.instead)
	}
	return plan.finish(s.faultless(r, form, plan))
}

// faultless returns the answer of a service without faults.
func (s *Server) faultless(r *http.Request, form form, plan *plan) *answer {
	if !s.hasAccess(form.key) {
		return failed(Refused, http.StatusForbidden, "The API key has no access to this resource")
	}
	if last, alive := s.lastGrant(form.key, plan.now); plan.sameURL && alive {
		return granted(last, last.Expire.Sub(plan.now))
	}
	life := min(form.expire, s.maxLife)
	if plan.maxLife > 0 {
		life = min(life, plan.maxLife)
	}
	token := s.tokens()
	grant := Grant{
		URL:    s.baseOf(r) + PagePath + "?t=" + token,
		Expire: plan.now.Truncate(time.Second).Add(life),
		Purge:  form.purge,
	}
	s.keep(form.key, token, grant)
	return granted(grant, life)
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

// pass waits until no answers are held back. It reports whether the client is still there.
func (s *Server) pass(ctx context.Context) bool {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	select {
	case <-held:
		return true
	case <-ctx.Done():
		return false
	}
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
