package manager

import (
	"fmt"
	"os"
	"syscall"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestRestartAtRestSpendsNoRequest(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]os.Signal{"stopped": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			first := s.startManager()
			const sessions = 20
			for i := range sessions {
				s.session(fmt.Sprintf("acme-%d", i))
			}
			before := map[string]string{}
			for i := range sessions {
				session := s.ready(fmt.Sprintf("acme-%d", i))
				before[session.Name] = session.ResourceVersion
			}
			first.signal(end)
			first.wait()

			s.startManager()
			s.settle("canary")
			if got := s.standin.Total(); got != sessions+1 {
				t.Errorf("%d requests, want one for each of %d sessions and the canary", got, sessions)
			}
			for name, version := range before {
				if got := s.get(name).ResourceVersion; got != version {
					t.Errorf("session %s was written to by the restart", name)
				}
			}
		})
	}
}

func TestKillInsideARequestCostsAtMostThatRequest(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := s.standin.Hold()
	first := s.startManager()
	s.session("acme")
	s.eventually("a request is under way", func() string { return unless(s.standin.InFlight() == 1, "none") })
	first.kill()
	release()

	s.startManager()
	s.ready("acme")
	if got := s.standin.Total(); got != 2 {
		t.Errorf("%d requests, want the one that was lost and one more", got)
	}
}

func TestStopInsideARequestLosesNothing(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := s.standin.Hold()
	first := s.startManager()
	s.session("acme")
	s.eventually("a request is under way", func() string { return unless(s.standin.InFlight() == 1, "none") })
	first.signal(syscall.SIGTERM)
	s.eventually("the manager begins to stop", func() string { return unless(first.said("Shutdown signal received"), "not yet") })
	release()
	first.wait()
	if first.err != nil {
		t.Errorf("the manager stopped with %v", first.err)
	}
	s.ready("acme")

	s.startManager()
	s.settle("canary")
	if got := s.standin.Total(); got != 2 {
		t.Errorf("%d requests, want one for the session and one for the canary", got)
	}
}

func TestStandbyTakesOverWhenTheLeaderStops(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	election := []string{"--leader-elect", "--leader-election-id", "billing-operator", "--leader-election-namespace", s.namespace}
	leader := s.startManager(election...)
	s.session("acme")
	s.ready("acme")
	// A replica that stands by is ready, too: its caches are filled.
	s.startManager(election...)

	leader.stop()
	var lease coordinationv1.Lease
	s.eventually("somebody else holds the lease", func() string {
		if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "billing-operator"}, &lease); err != nil {
			return err.Error()
		}
		return unless(ptr.Deref(lease.Spec.LeaseTransitions, 0) >= 1 && ptr.Deref(lease.Spec.HolderIdentity, "") != "", "nobody does")
	})
	s.settle("canary")
	if got := s.standin.Total(); got != 2 {
		t.Errorf("%d requests, want one for the session and one for the canary", got)
	}
}

func TestReadyWhileTheEndpointIsDown(t *testing.T) {
	t.Parallel()
	s := newStage(t, standin.WithFaults(standin.Status(500)))
	p := s.startManager()
	s.session("acme")
	s.eventually("the endpoint was asked", func() string { return unless(s.standin.Total() > 0, "not yet") })
	if problem := p.ready(); problem != "" {
		t.Errorf("the manager is not ready: %s", problem)
	}
}

func unless(holds bool, problem string) string {
	if holds {
		return ""
	}
	return problem
}
