package lifecycle

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/auditlog"
	"github.com/xtracta/billing-operator/test/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// calls counts what a manager asked of the API server in the stage's namespace,
// by verb and resource, from the server's own audit log. The informers' lists and
// watches do not count.
func (s *stage) calls() map[string]int {
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
		if call.Namespace == s.namespace && call.UserAgent == "billing-operator" && call.Verb != "list" && call.Verb != "watch" {
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

func TestRestartReadsListsAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first := s.startManager()
	for i := range 5 {
		s.session(fmt.Sprintf("acme-%d", i))
	}
	for i := range 5 {
		s.ready(fmt.Sprintf("acme-%d", i))
	}
	issued := map[string]int{
		"get secrets": 1, "create secrets": 5, "patch billingsessions/status": 5, "create events": 5,
	}
	s.expectCalls("first issues", issued)
	first.stop()

	s.startManager()
	s.settle("canary")
	s.expectCalls("restart", plus(issued, firstIssue))
}
