package manager

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestRestartAtRestSpendsNoRequest(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]os.Signal{"stopped": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			first := s.StartManager()
			const sessions = 20
			for i := range sessions {
				s.Session(fmt.Sprintf("acme-%d", i))
			}
			before := map[string]string{}
			for i := range sessions {
				session := s.Ready(fmt.Sprintf("acme-%d", i))
				before[session.Name] = session.ResourceVersion
			}
			first.Signal(end)
			_ = first.Wait()

			s.StartManager()
			s.settle("canary")
			if got := s.Standin.Total(); got != sessions+1 {
				t.Errorf("%d requests, want one for each of %d sessions and the canary", got, sessions)
			}
			for name, version := range before {
				if got := s.Get(name).ResourceVersion; got != version {
					t.Errorf("session %s was written to by the restart", name)
				}
			}
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
	if got := s.Standin.Total(); got != 2 {
		t.Errorf("%d requests, want the one that was lost and one more", got)
	}
}

func TestStopInsideARequestLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := s.Standin.Hold()
	first := s.StartManager()
	s.Session("acme")
	s.WaitForRequestsUnderWay(1)
	first.Signal(syscall.SIGTERM)
	s.Eventually("the manager begins to stop", func() string { return env.Unless(first.Said("Shutdown signal received"), "not yet") })
	release()
	if err := first.Wait(); err != nil {
		t.Errorf("the manager stopped with %v", err)
	}
	s.Ready("acme")

	s.StartManager()
	s.settle("canary")
	if got := s.Standin.Total(); got != 2 {
		t.Errorf("%d requests, want one for the session and one for the canary", got)
	}
}

func TestStandbyTakesOverWhenTheLeaderStops(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	election := []string{"--leader-elect", "--leader-election-id", "billing-operator", "--leader-election-namespace", s.Namespace}
	leader := s.StartManager(election...)
	s.Session("acme")
	s.Ready("acme")
	// A replica that stands by is ready, too: its caches are filled.
	s.StartManager(election...)

	leader.Stop()
	var lease coordinationv1.Lease
	s.Eventually("somebody else holds the lease", func() string {
		if err := s.Client.Get(t.Context(), client.ObjectKey{Namespace: s.Namespace, Name: "billing-operator"}, &lease); err != nil {
			return err.Error()
		}
		return env.Unless(ptr.Deref(lease.Spec.LeaseTransitions, 0) >= 1 && ptr.Deref(lease.Spec.HolderIdentity, "") != "", "nobody does")
	})
	s.settle("canary")
	if got := s.Standin.Total(); got != 2 {
		t.Errorf("%d requests, want one for the session and one for the canary", got)
	}
}

func TestReadyWhileTheEndpointIsDown(t *testing.T) {
	t.Parallel()
	s := newStage(t, standin.WithFaults(standin.Status(500)))
	p := s.StartManager()
	s.Session("acme")
	s.Eventually("the endpoint was asked", func() string { return env.Unless(s.Standin.Total() > 0, "not yet") })
	if problem := p.Ready(); problem != "" {
		t.Errorf("the manager is not ready: %s", problem)
	}
}
