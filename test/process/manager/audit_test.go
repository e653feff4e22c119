package manager

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/auditlog"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// calls counts what managers asked of the API server in the stage's namespace, by verb and
// resource, from the server's own audit log. The informers' lists and watches do not count.
func (s *stage) calls() map[string]int {
	s.T.Helper()
	return s.count(func(call auditlog.Call) bool { return !slices.Contains([]string{"list", "watch", "check"}, call.Verb) })
}

// lists counts how often informers filled their caches. One whom the API server tells to come
// back has not.
func (s *stage) lists() map[string]int {
	s.T.Helper()
	return s.count(func(call auditlog.Call) bool { return call.Verb == "list" && call.Code == http.StatusOK })
}

func (s *stage) count(counts func(auditlog.Call) bool) map[string]int {
	s.T.Helper()
	reading, err := auditlog.Read(env.AuditLog(s.T))
	s.Must(err)
	defer func() { _ = reading.Close() }()
	all, err := reading.Next()
	s.Must(err)
	calls := map[string]int{}
	for _, call := range all {
		if call.Namespace == s.Namespace && call.UserAgent == "billing-operator" && counts(call) {
			calls[call.What()]++
		}
	}
	return calls
}

// expect waits until the audit log, which comes a moment late, says so.
func (s *stage) expect(when string, counted func() map[string]int, want map[string]int) {
	s.T.Helper()
	s.Eventually(when, func() string { return cmp.Diff(want, counted()) })
}

func (s *stage) expectRequests(want int) {
	s.T.Helper()
	if got := s.Standin.Total(); got != want {
		s.T.Errorf("%d requests to the endpoint, want %d", got, want)
	}
}

func plus(calls map[string]int, more map[string]int) map[string]int {
	sum := maps.Clone(calls)
	for what, n := range more {
		sum[what] += n
	}
	return sum
}

var firstIssue = map[string]int{
	"get secrets":                  1, // the key, once for each of its versions
	"create secrets":               1,
	"patch billingsessions/status": 1,
	"create events":                1,
}

func TestCallsToTheAPIServerAreAsFewAsCanBe(t *testing.T) {
	t.Parallel()
	s := newStage(t, standin.WithFaults(standin.Times(1, standin.Life(23*time.Second)))) // so that one renewal is due soon
	s.StartManager()
	s.Session("acme", builders.Expiration(3600))
	s.expect("first issue and renewal", s.calls, plus(firstIssue, map[string]int{"patch secrets": 1, "patch billingsessions/status": 1}))
	s.expectRequests(2)
}
