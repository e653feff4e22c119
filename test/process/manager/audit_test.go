package manager

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/auditlog"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// calls counts what a manager asked of the API server in the stage's namespace,
// by verb and resource, from the server's own audit log. The informers' lists and
// watches do not count.
func (s *stage) calls() map[string]int {
	s.T.Helper()
	return s.count(func(call auditlog.Call) bool { return !slices.Contains([]string{"list", "watch", "check"}, call.Verb) })
}

// lists counts how often the informers filled their caches.
func (s *stage) lists() map[string]int {
	s.T.Helper()
	return s.count(func(call auditlog.Call) bool { return call.Verb == "list" })
}

func (s *stage) count(counts func(auditlog.Call) bool) map[string]int {
	s.T.Helper()
	reading, err := auditlog.Read(env.AuditLog(s.T))
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = reading.Close() }()
	all, err := reading.Next()
	if err != nil {
		s.T.Fatal(err)
	}
	calls := map[string]int{}
	for _, call := range all {
		if call.Namespace == s.Namespace && call.UserAgent == "billing-operator" && call.Resource != "leases" && counts(call) {
			calls[call.What()]++
		}
	}
	return calls
}

// expectCalls waits until the audit log, which comes a moment late, says so.
func (s *stage) expectCalls(when string, want map[string]int) {
	s.T.Helper()
	s.Eventually(when, func() string { return cmp.Diff(want, s.calls()) })
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
	s.StartManager()
	s.Session("acme", builders.Expiration(60))
	first := s.Ready("acme")
	s.expectCalls("first issue", firstIssue)

	s.Eventually("renewal", func() string {
		return env.Unless(!s.Get("acme").Status.ExpirationTime.Equal(first.Status.ExpirationTime), "still the first URL")
	})
	renewed := plus(firstIssue, map[string]int{"update secrets": 1, "patch billingsessions/status": 1})
	s.expectCalls("renewal", renewed)
	if got := s.Standin.Total(); got != 2 {
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
	s.T.Helper()
	for i := range manySessions {
		s.Session(fmt.Sprintf("acme-%d", i))
	}
	s.expectCalls("first issues", plus(issued, beside))
}

func TestRestartFillsItsCachesAndDoesNothingElse(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := s.StartManager()
	s.issueMany(nil)
	first.Stop()

	before := s.lists()
	s.StartManager()
	s.settle("canary")
	s.expectCalls("restart", plus(issued, firstIssue))
	if diff := cmp.Diff(plus(before, map[string]int{"list billingsessions": 1, "list secrets": 2}), s.lists()); diff != "" {
		t.Errorf("lists (-want +got):\n%s", diff)
	}
	if got := s.Standin.Total(); got != manySessions+1 {
		t.Errorf("%d requests, want one for each of %d sessions and the canary", got, manySessions)
	}
}

func TestStandbyTakesOverWarm(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	election := []string{"--leader-elect", "--leader-election-namespace", s.Namespace}
	leading := map[string]int{"create events": 1} // says who leads
	leader := s.StartManager(election...)
	s.issueMany(leading)
	s.StartManager(election...)

	filled := s.lists()
	leader.Kill()
	s.settle("canary")
	s.expectCalls("takeover", plus(plus(issued, leading), plus(firstIssue, leading)))
	if diff := cmp.Diff(filled, s.lists()); diff != "" {
		t.Errorf("caches were filled anew (-before +after):\n%s", diff)
	}
	if got := s.Standin.Total(); got != manySessions+1 {
		t.Errorf("%d requests, want one for each of %d sessions and the canary", got, manySessions)
	}
}
