package manager

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

// atRest are enough sessions for a cost of each of them to show.
const atRest = 30

// issued are the calls for their first URLs. They share a key.
var issued = map[string]int{
	"get secrets": 1, "create secrets": atRest, "patch billingsessions/status": atRest, "create events": atRest,
}

// TestTheNextManagerFillsItsCachesAndDoesNothingElse ends a manager whose sessions are at rest,
// and counts what the next one asks of the API server and of the endpoint. One that stood by has
// filled its caches before.
func TestTheNextManagerFillsItsCachesAndDoesNothingElse(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		end      func(*env.Manager)
		standsBy bool
	}{
		{"restart after a stop", (*env.Manager).Stop, false},
		{"restart after a kill", (*env.Manager).Kill, false},
		{"takeover after a stop", (*env.Manager).Stop, true},
		{"takeover after a kill", (*env.Manager).Kill, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			var election []string
			if row.standsBy { // the lease and its events are in another namespace, where nobody counts them
				election = []string{"--leader-elect", "--leader-election-namespace", "default", "--leader-election-id", s.Namespace}
			}
			first := s.StartManager(election...)
			for i := range atRest {
				s.Session(fmt.Sprintf("acme-%d", i))
			}
			s.expect("first issues", s.calls, issued)

			bothFilled := map[string]int{"list billingsessions": 2, "list secrets": 2}
			if row.standsBy {
				s.StartManager(election...)
				s.expect("the standby fills its cache", s.lists, bothFilled)
			}
			row.end(first)
			if !row.standsBy {
				s.StartManager()
			}
			s.settle("canary")
			s.expect("the canary's first issue alone", s.calls, plus(issued, firstIssue))
			s.expect("the caches are filled once", s.lists, bothFilled)
			s.expectRequests(atRest + 1)
		})
	}
}

func TestKillInsideARequestCostsAtMostThatRequest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := s.Standin.Hold()
	first := s.StartManager()
	s.Session("acme")
	s.WaitForRequestsUnderWay(1)
	first.Kill()
	release()

	s.StartManager()
	s.Ready("acme")
	s.expectRequests(2) // the one that was lost and one more
}

func TestStopInsideARequestLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := s.Standin.Hold()
	first := s.StartManager()
	s.Session("acme")
	s.WaitForRequestsUnderWay(1)
	first.Signal(syscall.SIGTERM)
	env.Until(t, "the manager begins to stop", func() bool { return first.Said("Shutdown signal received") })
	release()
	if err := first.Wait(); err != nil {
		t.Errorf("the manager stopped with %v", err)
	}
	s.Ready("acme")

	s.StartManager()
	s.settle("canary")
	s.expectRequests(2) // for the session and for the canary
}

func TestReadyWhileTheEndpointIsDown(t *testing.T) {
	t.Parallel()
	s := newStage(t, standin.WithFaults(standin.Status(500)))
	p := s.StartManager()
	s.Session("acme")
	env.Until(t, "the endpoint was asked", func() bool { return s.Standin.Total() > 0 })
	if problem := p.Ready(); problem != "" {
		t.Errorf("the manager is not ready: %s", problem)
	}
}
