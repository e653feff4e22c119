package manager

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/env/auditlog"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// calls counts what a manager asked of the API server in the stage's namespace,
// by verb and resource, from the server's own audit log. The informers' lists and
// watches do not count.
func (s *stage) calls() map[string]int {
	s.t.Helper()
	return s.count(func(call auditlog.Call) bool { return !slices.Contains([]string{"list", "watch", "check"}, call.Verb) })
}

// lists counts how often the informers filled their caches.
func (s *stage) lists() map[string]int {
	s.t.Helper()
	return s.count(func(call auditlog.Call) bool { return call.Verb == "list" })
}

func (s *stage) count(counts func(auditlog.Call) bool) map[string]int {
	s.t.Helper()
	reading, err := auditlog.Read(auditLog)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = reading.Close() }()
	all, err := reading.Next()
	if err != nil {
		s.t.Fatal(err)
	}
	calls := map[string]int{}
	for _, call := range all {
		if call.Namespace == s.namespace && call.UserAgent == "billing-operator" && call.Resource != "leases" && counts(call) {
			calls[call.What()]++
		}
	}
	return calls
}

// expectCalls waits until the audit log, which comes a moment late, says so.
func (s *stage) expectCalls(when string, want map[string]int) {
	s.t.Helper()
	s.eventually(when, func() string { return cmp.Diff(want, s.calls()) })
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
	s := newStage(t, standin.WithMaxLife(23*time.Second))
	s.startManager()
	s.session("acme", builders.Expiration(60))
	first := s.ready("acme")
	s.expectCalls("first issue", firstIssue)

	s.eventually("renewal", func() string {
		return unless(!s.get("acme").Status.ExpirationTime.Equal(first.Status.ExpirationTime), "still the first URL")
	})
	renewed := plus(firstIssue, map[string]int{"update secrets": 1, "patch billingsessions/status": 1})
	s.expectCalls("renewal", renewed)
	if got := s.standin.Total(); got != 2 {
		t.Errorf("%d requests, want one to issue and one to renew", got)
	}
}

// manySessions are enough for a cost of each of them to show.
const manySessions = 300

// issued are the calls for the first URLs of many sessions that share a key.
var issued = map[string]int{
	"get secrets": 1, "create secrets": manySessions, "patch billingsessions/status": manySessions, "create events": manySessions,
}

func (s *stage) issueMany(beside map[string]int) {
	s.t.Helper()
	for i := range manySessions {
		s.session(fmt.Sprintf("acme-%d", i))
	}
	s.expectCalls("first issues", plus(issued, beside))
}

func TestRestartFillsItsCachesAndDoesNothingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := s.startManager()
	s.issueMany(nil)
	first.stop()

	before := s.lists()
	s.startManager()
	s.settle("canary")
	s.expectCalls("restart", plus(issued, firstIssue))
	if diff := cmp.Diff(plus(before, map[string]int{"list billingsessions": 1, "list secrets": 2}), s.lists()); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	if got := s.standin.Total(); got != manySessions+1 {
		t.Errorf("%d requests, want one for each of %d sessions and the canary", got, manySessions)
	}
}

func TestStandbyTakesOverWarm(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	election := []string{"--leader-elect", "--leader-election-namespace", s.namespace}
	leading := map[string]int{"create events": 1} // says who leads
	leader := s.startManager(election...)
	s.issueMany(leading)
	s.startManager(election...)

	filled := s.lists()
	leader.kill()
	s.settle("canary")
	s.expectCalls("takeover", plus(plus(issued, leading), plus(firstIssue, leading)))
	if diff := cmp.Diff(filled, s.lists()); diff != "" {
		t.Errorf("caches were filled anew (-before +after):\n%s", diff)
	}
	if got := s.standin.Total(); got != manySessions+1 {
		t.Errorf("%d requests, want one for each of %d sessions and the canary", got, manySessions)
	}
}
