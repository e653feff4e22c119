//go:build long

package manager

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// newRestorable is a stage on a cluster of its own.
func newRestorable(t *testing.T, options ...standin.Option) *stage {
	t.Helper()
	return newStageOn(t, env.NewCluster(t, controlplane.Options{CRDDirs: []string{env.CRDs()}}), options...)
}

func (s *stage) setExpiration(name string, seconds int32) {
	s.T.Helper()
	session := s.Get(name)
	session.Spec.ExpirationSeconds = seconds
	s.Must(s.Client.Update(s.T.Context(), session))
}

// advance makes resource versions grow, as all that goes on in a cluster does.
func (s *stage) advance(writes int) {
	s.T.Helper()
	ticking := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: fmt.Sprintf("ticking-%d", time.Now().UnixNano())}}
	s.Create(ticking)
	for i := range writes {
		ticking.Data = map[string]string{"i": fmt.Sprint(i)}
		s.Must(s.Client.Update(s.T.Context(), ticking))
	}
}

const dueSessions = 5

func due(i int) string { return fmt.Sprintf("due-%d", i) }

// TestARestoredClusterIsServedWithinAMinute has etcd restored from an older snapshot beneath
// a manager, which ends and is started again. Versions grow before the restore, so that they go
// back by much, or hardly, so that the restored cluster soon passes what they were.
func TestARestoredClusterIsServedWithinAMinute(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		down   time.Duration
		writes int
	}{
		{"versions go back by much", 0, 500},
		{"versions go back a little", 0, 0},
		{"it takes a while", 40 * time.Second, 500},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newRestorable(t)
			manager := s.supervise()
			s.WithOwnKey("rests")
			s.WithOwnKey("edited")
			s.WithOwnKey("deleted")
			for i := range dueSessions {
				s.WithOwnKey(due(i), builders.Expiration(300), builders.RenewBefore(240))
			}
			rests := s.Ready("rests")
			s.Ready("edited")
			s.Ready("deleted")
			for i := range dueSessions {
				s.Ready(due(i))
			}
			backup := filepath.Join(t.TempDir(), "backup")
			s.Must(s.Cluster.WhileStopped(func() error { return s.Cluster.Backup(backup) }))
			backedUp := time.Now()

			s.WithOwnKey("undone")
			s.Ready("undone")
			s.setExpiration("edited", 700)
			s.Eventually("the first edit is obeyed", func() string { return s.issuedFor("edited", 700) })
			s.Must(s.Client.Delete(t.Context(), s.Get("deleted")))
			for i := range dueSessions {
				env.EventuallyWithin(s.T, 2*env.Patience, due(i)+" is renewed", func() string {
					return env.Unless(s.RequestsSince(due(i), backedUp) > 0 && s.Get(due(i)).Status.IssueTime.After(backedUp), "not yet")
				})
			}
			s.advance(row.writes)
			s.Must(s.Cluster.WhileStopped(func() error {
				time.Sleep(row.down) // the outage
				return s.Cluster.Restore(backup)
			}))

			restored := time.Now()
			s.WithOwnKey("new")
			s.Ready("new")
			t.Logf("a new session is served %s after the restore", time.Since(restored).Round(100*time.Millisecond))
			s.setExpiration("edited", 800)
			s.Eventually("the second edit is obeyed", func() string { return s.issuedFor("edited", 800) })
			for i := range dueSessions {
				s.Eventually(due(i)+" is renewed", func() string {
					session := s.Get(due(i))
					return env.Unless(meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) &&
						session.Status.RenewalTime.After(time.Now()), fmt.Sprintf("%+v", session.Status))
				})
			}
			t.Logf("all are served %s after the restore", time.Since(restored).Round(100*time.Millisecond))
			if passed := time.Since(restored); passed > time.Minute {
				t.Errorf("that took %s", passed)
			}
			for name, bound := range map[string]int{
				"rests": 0, "deleted": 0, "undone": 0, "edited": 1, "new": 1,
				due(0): 1, due(1): 1, due(2): 1, due(3): 1, due(4): 1,
			} {
				if n := s.RequestsSince(name, restored); n > bound {
					t.Errorf("%s: %d requests after the restore, want at most %d", name, n, bound)
				}
			}
			n := manager.restarts()
			t.Logf("started again %d times", n)
			if n > 1 {
				t.Error("once is enough")
			}
			if n > 0 && !manager.said("as when etcd is restored from a backup; the process ends to begin anew") {
				t.Error("it does not say why it ended")
			}
			if rests.Status.URL != s.Get("rests").Status.URL {
				t.Error("a session at rest has another URL")
			}
		})
	}
}

func (s *stage) issuedFor(name string, expirationSeconds int32) string {
	s.T.Helper()
	got := s.Get(name).Status.IssuedFor
	return env.Unless(got != nil && got.ExpirationSeconds == expirationSeconds, fmt.Sprintf("issued for %+v", got))
}
