package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
)

// tenants is a stage whose manager serves two namespaces with what it is granted in each.
type tenants struct {
	*stage
	user    string
	proxy   *proxy
	metrics string
	// other is the stage in the second namespace.
	other *stage
}

// sessionRules and secretRules are what the manager needs in a namespace.
var (
	sessionRules = []rbacv1.PolicyRule{
		{APIGroups: []string{"billing.xtracta.com"}, Resources: []string{"billingsessions"}, Verbs: []string{"get", "list", "watch"}},
		{APIGroups: []string{"billing.xtracta.com"}, Resources: []string{"billingsessions/status"}, Verbs: []string{"patch"}},
	}
	secretRules = []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list", "watch", "create", "update"}},
	}
	otherRules = []rbacv1.PolicyRule{
		{APIGroups: []string{"events.k8s.io"}, Resources: []string{"events"}, Verbs: []string{"create", "patch"}},
		{APIGroups: []string{"coordination.k8s.io"}, Resources: []string{"leases"}, Verbs: []string{"create", "get", "update"}},
	}
)

func newTenants(t *testing.T) *tenants {
	t.Helper()
	s := newStage(t)
	other := *s.Stage
	other.Namespace += "-other"
	config, _, err := s.Cluster.AddServiceAccount(s.Namespace, "operator")
	if err != nil {
		t.Fatal(err)
	}
	w := &tenants{
		stage: s, user: "system:serviceaccount:" + s.Namespace + ":operator", other: &stage{&other},
		proxy: newProxy(t, config), metrics: env.FreeAddress(t),
	}
	w.grant(s.Namespace, "sessions", sessionRules)
	w.grant(s.Namespace, "secrets", secretRules)
	w.grant(s.Namespace, "others", otherRules)
	return w
}

func (w *tenants) grant(namespace, name string, rules []rbacv1.PolicyRule) {
	w.T.Helper()
	in := metav1.ObjectMeta{Namespace: namespace, Name: name}
	w.Create(&rbacv1.Role{ObjectMeta: in, Rules: rules})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: in,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.user}},
	})
}

func (w *tenants) revoke(namespace, name string) {
	w.T.Helper()
	in := metav1.ObjectMeta{Namespace: namespace, Name: name}
	for _, object := range []client.Object{&rbacv1.RoleBinding{ObjectMeta: in}, &rbacv1.Role{ObjectMeta: in}} {
		if err := w.Client.Delete(w.T.Context(), object); err != nil {
			w.T.Fatal(err)
		}
	}
}

func (w *tenants) serve(args ...string) *env.Manager {
	w.T.Helper()
	return w.StartManager(w.args(args...)...)
}

// args are those of a manager that serves both namespaces.
func (w *tenants) args(more ...string) []string {
	return append([]string{
		"--watch-namespaces", w.other.Namespace, "--kubeconfig", w.proxy.kubeconfig,
		"--metrics-bind-address", w.metrics, "--metrics-secure=false",
	}, more...)
}

// makeOther makes the second namespace with a key.
func (w *tenants) makeOther() {
	w.T.Helper()
	w.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.other.Namespace}})
	w.other.GiveKey("key", w.Key)
}

// watched waits until the metric says of a namespace whether it is watched.
func (w *tenants) watched(namespace string, watched int) {
	w.T.Helper()
	line := fmt.Sprintf("billingsession_namespace_watched{namespace=%q} %d", namespace, watched)
	w.Eventually(line, func() string {
		return env.Unless(strings.Contains(env.Fetch(w.T, "http://"+w.metrics+"/metrics"), line), "not yet")
	})
}

// TestAClosedNamespaceKeepsNobodyWaiting has a second namespace that may not be read when the
// manager starts, and opens it later.
func TestAClosedNamespaceKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		// closed prepares the second namespace, and open opens it.
		closed, open func(w *tenants)
	}{
		{"there is none", func(*tenants) {}, func(w *tenants) {
			w.makeOther()
			w.grant(w.other.Namespace, "sessions", sessionRules)
			w.grant(w.other.Namespace, "secrets", secretRules)
			w.other.Session("acme")
		}},
		{"nothing may be read", func(w *tenants) {
			w.makeOther()
			w.other.Session("acme")
		}, func(w *tenants) {
			w.grant(w.other.Namespace, "sessions", sessionRules)
			w.grant(w.other.Namespace, "secrets", secretRules)
		}},
		{"Secrets may not be read", func(w *tenants) {
			w.makeOther()
			w.other.Session("acme")
			w.grant(w.other.Namespace, "sessions", sessionRules)
		}, func(w *tenants) {
			w.grant(w.other.Namespace, "secrets", secretRules)
		}},
		{"sessions may not be read", func(w *tenants) {
			w.makeOther()
			w.other.Session("acme")
			w.grant(w.other.Namespace, "secrets", secretRules)
		}, func(w *tenants) {
			w.grant(w.other.Namespace, "sessions", sessionRules)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newTenants(t)
			w.Session("acme")
			row.closed(w)
			manager := w.supervise(w.args()...)
			w.Ready("acme")
			w.watched(w.Namespace, 1)
			w.watched(w.other.Namespace, 0)
			if !manager.said("cannot be watched") || !manager.said("namespace="+w.other.Namespace) {
				t.Error("the log does not name the namespace")
			}
			if problem := manager.current().Ready(); problem != "" {
				t.Errorf("the manager is not ready: %s", problem)
			}

			row.open(w)
			opened := time.Now()
			w.other.Ready("acme")
			served := time.Since(opened).Round(time.Second)
			t.Logf("served %s after it was opened", served)
			if served > time.Minute {
				t.Errorf("that took %s", served)
			}
			if !manager.said("can be watched now; the process ends to begin anew with it") {
				t.Error("it does not say why it began anew")
			}
			w.watched(w.other.Namespace, 1)
			if n := manager.restarts(); n != 0 {
				t.Errorf("it had to be started again %d times", n)
			}
			if got := w.Standin.Total(); got != 2 {
				t.Errorf("%d requests, want one for each session", got)
			}
		})
	}
}

// TestAManagerThatMayReadNothingSaysSo and ends, so that it is started again.
func TestAManagerThatMayReadNothingSaysSo(t *testing.T) {
	t.Parallel()
	w := newTenants(t)
	w.revoke(w.Namespace, "secrets")
	manager := w.LaunchManager(w.args()...)
	if err := manager.Wait(); err == nil {
		t.Error("it ends well")
	}
	if !manager.Said("--watch-namespaces: none of them can be watched") {
		t.Error("it does not say why")
	}
}

// TestANamespaceMayBeClosedForAWhile takes the permissions away while the manager runs, and gives
// them back.
func TestANamespaceMayBeClosedForAWhile(t *testing.T) {
	t.Parallel()
	w := newTenants(t)
	w.makeOther()
	w.grant(w.other.Namespace, "sessions", sessionRules)
	w.grant(w.other.Namespace, "secrets", secretRules)
	w.Session("acme")
	w.other.Session("acme")
	manager := w.supervise(w.args()...)
	w.Ready("acme")
	before := w.other.Ready("acme")

	w.revoke(w.other.Namespace, "sessions")
	w.revoke(w.other.Namespace, "secrets")
	w.proxy.breakConnections()
	w.settle("canary")
	w.other.Session("canary")
	if problem := manager.current().Ready(); problem != "" {
		t.Errorf("the manager is not ready: %s", problem)
	}

	given := time.Now()
	w.grant(w.other.Namespace, "sessions", sessionRules)
	w.grant(w.other.Namespace, "secrets", secretRules)
	w.other.Ready("canary")
	t.Logf("served %s after the permissions were given back", time.Since(given).Round(time.Millisecond))
	if after := w.other.Get("acme"); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("a session at rest was written to: %+v", after.Status)
	}
	if got := w.Standin.Total(); got != 4 {
		t.Errorf("%d requests, want one for each of 4 sessions", got)
	}
}

// TestAStandbyIsWarmAlthoughANamespaceIsClosed lets the leader die.
func TestAStandbyIsWarmAlthoughANamespaceIsClosed(t *testing.T) {
	t.Parallel()
	w := newTenants(t)
	election := []string{"--leader-elect", "--leader-election-namespace", w.Namespace}
	leader := w.serve(election...)
	w.settle("first")
	w.metrics = env.FreeAddress(t)
	w.serve(election...)
	w.watched(w.other.Namespace, 0)
	leader.Kill()
	w.settle("second")
	if got := w.Standin.Total(); got != 2 {
		t.Errorf("%d requests, want one for each of 2 sessions", got)
	}
}
