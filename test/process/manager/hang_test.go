package manager

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

const (
	// heldUp is how many sessions of one namespace wait for calls that hang: more than a
	// manager has workers.
	heldUp = 80
	// The others are renewed about 30 seconds after they were issued, with 140 seconds left.
	life, margin = 180, 140
)

// TestCallsThatHangHoldUpTheirOwnNamespaceOnly lets calls of one namespace hang, as behind a
// slow webhook, while sessions of another one are due.
func TestCallsThatHangHoldUpTheirOwnNamespaceOnly(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what   string
		others int
		hangs  func(r *http.Request) bool
	}{
		{"reads of keys", 200, func(r *http.Request) bool {
			return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/secrets/")
		}},
		{"writes of Secrets", 60, func(r *http.Request) bool {
			return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/secrets")
		}},
		{"writes of statuses", 60, func(r *http.Request) bool {
			return r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/status")
		}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			w := newTenants(t)
			w.makeOther()
			w.grant(w.other.Namespace, "sessions", sessionRules)
			w.grant(w.other.Namespace, "secrets", secretRules)
			w.serve("--watch-namespaces", w.Namespace+","+w.other.Namespace, "--endpoint-qps", "100", "--endpoint-burst", "100")
			first := w.issuedShortly(row.others)

			release := w.proxy.hangOn(func(r *http.Request) bool {
				return strings.Contains(r.URL.Path, "/namespaces/"+w.other.Namespace+"/") && row.hangs(r)
			})
			for i := range heldUp {
				w.other.WithOwnKey(held(i))
			}
			w.renewedInTime(first)
			if n := w.proxy.hungRequests(); n < 10 {
				t.Errorf("%d requests hung: this shows nothing", n)
			}

			release()
			for i := range heldUp {
				w.other.Ready(held(i))
				if n := w.other.RequestsSince(held(i), time.Time{}); n != 1 {
					t.Errorf("%s: %d requests to the endpoint, want 1", held(i), n)
				}
			}
		})
	}
}

func held(i int) string { return fmt.Sprintf("held-up-%d", i) }

// issuedShortly makes sessions that are due soon.
func (w *tenants) issuedShortly(n int) (sessions []*v1alpha1.BillingSession) {
	w.T.Helper()
	for i := range n {
		w.Session(fmt.Sprintf("acme-%d", i), builders.Expiration(life), builders.RenewBefore(margin))
	}
	for i := range n {
		sessions = append(sessions, w.Ready(fmt.Sprintf("acme-%d", i)))
	}
	return sessions
}

// renewedInTime waits until each session was renewed twice, and holds that every URL was
// replaced while at least half of its margin was left.
func (w *tenants) renewedInTime(sessions []*v1alpha1.BillingSession) {
	w.T.Helper()
	for range 2 {
		for i, before := range sessions {
			env.EventuallyWithin(w.T, 2*env.Patience, before.Name+" is renewed", func() string {
				sessions[i] = w.Get(before.Name)
				return env.Unless(sessions[i].Status.IssueTime.After(before.Status.IssueTime.Time), "not yet")
			})
			left := before.Status.ExpirationTime.Sub(sessions[i].Status.IssueTime.Time)
			if left < margin/2*time.Second {
				w.T.Errorf("%s was renewed with %s left, want at least half of %d s", before.Name, left, margin)
			}
		}
	}
}
