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
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// newRestorable is a stage on a cluster of its own.
func newRestorable(t *testing.T, options ...standin.Option) *stage {
	t.Helper()
	own, err := controlplane.Start(t.Context(), controlplane.Options{CRDDirs: []string{"../../../config/crd/bases"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = own.Stop() })
	return newStageOn(t, own, options...)
}

// withOwnKey creates a session with a key that nobody else has.
func (s *stage) withOwnKey(name string, differences ...func(*v1alpha1.BillingSession)) {
	s.t.Helper()
	s.standin.AddKeys("key of " + name)
	s.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "key-" + name},
		StringData: map[string]string{v1alpha1.DefaultAPIKeySecretKey: "key of " + name},
	})
	s.session(name, append(differences, builders.KeySecret("key-"+name))...)
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) setExpiration(name string, seconds int32) {
	s.t.Helper()
	session := s.get(name)
	session.Spec.ExpirationSeconds = seconds
	s.must(s.client.Update(s.t.Context(), session))
}

// advance makes resource versions grow, as all that goes on in a cluster does.
func (s *stage) advance(writes int) {
	s.t.Helper()
	ticking := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: fmt.Sprintf("ticking-%d", time.Now().UnixNano())}}
	s.create(ticking)
	for i := range writes {
		ticking.Data = map[string]string{"i": fmt.Sprint(i)}
		s.must(s.client.Update(s.t.Context(), ticking))
	}
}

// requestsSince is how often a session was asked for from then on.
func (s *stage) requestsSince(name string, then time.Time) int {
	n := 0
	for _, request := range s.standin.Log() {
		if request.Key == standin.KeyID("key of "+name) && request.Time.After(then) {
			n++
		}
	}
	return n
}

const dueSessions = 5

func due(i int) string { return fmt.Sprintf("due-%d", i) }

// TestARestoredClusterIsServedWithinAMinute has etcd restored from an older snapshot beneath
// a manager that runs on. Versions grow before the restore, so that they go back by much, or
// hardly, so that the restored cluster soon passes what they were.
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
			s.startManager()
			s.withOwnKey("rests")
			s.withOwnKey("edited")
			s.withOwnKey("deleted")
			for i := range dueSessions {
				s.withOwnKey(due(i), builders.Expiration(300), builders.RenewBefore(240))
			}
			rests := s.ready("rests")
			s.ready("edited")
			s.ready("deleted")
			for i := range dueSessions {
				s.ready(due(i))
			}
			backup := filepath.Join(t.TempDir(), "backup")
			s.must(s.cluster.WhileStopped(func() error { return s.cluster.Backup(backup) }))
			backedUp := time.Now()

			s.withOwnKey("undone")
			s.ready("undone")
			s.setExpiration("edited", 700)
			s.eventually("the first edit is obeyed", func() string { return s.issuedFor("edited", 700) })
			s.must(s.client.Delete(t.Context(), s.get("deleted")))
			for i := range dueSessions {
				s.eventuallyWithin(2*patience, due(i)+" is renewed", func() string {
					return unless(s.requestsSince(due(i), backedUp) > 0 && s.get(due(i)).Status.IssueTime.After(backedUp), "not yet")
				})
			}
			s.advance(row.writes)
			s.must(s.cluster.WhileStopped(func() error {
				time.Sleep(row.down) // the outage
				return s.cluster.Restore(backup)
			}))

			restored := time.Now()
			s.withOwnKey("new")
			s.ready("new")
			t.Logf("a new session is served %s after the restore", time.Since(restored).Round(100*time.Millisecond))
			s.setExpiration("edited", 800)
			s.eventually("the second edit is obeyed", func() string { return s.issuedFor("edited", 800) })
			for i := range dueSessions {
				s.eventually(due(i)+" is renewed", func() string {
					session := s.get(due(i))
					return unless(meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) &&
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
				if n := s.requestsSince(name, restored); n > bound {
					t.Errorf("%s: %d requests after the restore, want at most %d", name, n, bound)
				}
			}
			if rests.Status.URL != s.get("rests").Status.URL {
				t.Error("a session at rest has another URL")
			}
		})
	}
}

func (s *stage) issuedFor(name string, expirationSeconds int32) string {
	s.t.Helper()
	got := s.get(name).Status.IssuedFor
	return unless(got != nil && got.ExpirationSeconds == expirationSeconds, fmt.Sprintf("issued for %+v", got))
}
