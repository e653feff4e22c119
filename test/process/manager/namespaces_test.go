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

	"github.com/xtracta/billing-operator/api/v1alpha1"
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
	other := *s
	other.namespace = s.namespace + "-other"
	config, _, err := cluster.AddServiceAccount(s.namespace, "operator")
	if err != nil {
		t.Fatal(err)
	}
	w := &tenants{
		stage: s, user: "system:serviceaccount:" + s.namespace + ":operator", other: &other,
		proxy: newProxy(t, config), metrics: freeAddress(t),
	}
	w.grant(s.namespace, "sessions", sessionRules)
	w.grant(s.namespace, "secrets", secretRules)
	w.grant(s.namespace, "others", otherRules)
	return w
}

func (w *tenants) grant(namespace, name string, rules []rbacv1.PolicyRule) {
	w.t.Helper()
	in := metav1.ObjectMeta{Namespace: namespace, Name: name}
	w.create(&rbacv1.Role{ObjectMeta: in, Rules: rules})
	w.create(&rbacv1.RoleBinding{
		ObjectMeta: in,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.user}},
	})
}

func (w *tenants) revoke(namespace, name string) {
	w.t.Helper()
	in := metav1.ObjectMeta{Namespace: namespace, Name: name}
	for _, object := range []client.Object{&rbacv1.RoleBinding{ObjectMeta: in}, &rbacv1.Role{ObjectMeta: in}} {
		if err := w.client.Delete(w.t.Context(), object); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *tenants) serve(args ...string) *process {
	w.t.Helper()
	return w.startManager(append([]string{
		"--watch-namespaces", w.other.namespace, "--kubeconfig", w.proxy.kubeconfig(w.t),
		"--metrics-bind-address", w.metrics, "--metrics-secure=false",
	}, args...)...)
}

// makeOther makes the second namespace with a key.
func (w *tenants) makeOther() {
	w.t.Helper()
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.other.namespace}})
	w.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.other.namespace, Name: "key"},
		StringData: map[string]string{v1alpha1.DefaultAPIKeySecretKey: apiKey},
	})
}

// watched waits until the metric says of a namespace whether it is watched.
func (w *tenants) watched(namespace string, watched int) {
	w.t.Helper()
	line := fmt.Sprintf("billingsession_namespace_watched{namespace=%q} %d", namespace, watched)
	w.eventually(line, func() string {
		return unless(strings.Contains(w.scrape("http://"+w.metrics+"/metrics"), line), "not yet")
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
			w.grant(w.other.namespace, "sessions", sessionRules)
			w.grant(w.other.namespace, "secrets", secretRules)
			w.other.session("acme")
		}},
		{"nothing may be read", func(w *tenants) {
			w.makeOther()
			w.other.session("acme")
		}, func(w *tenants) {
			w.grant(w.other.namespace, "sessions", sessionRules)
			w.grant(w.other.namespace, "secrets", secretRules)
		}},
		{"Secrets may not be read", func(w *tenants) {
			w.makeOther()
			w.other.session("acme")
			w.grant(w.other.namespace, "sessions", sessionRules)
		}, func(w *tenants) {
			w.grant(w.other.namespace, "secrets", secretRules)
		}},
		{"sessions may not be read", func(w *tenants) {
			w.makeOther()
			w.other.session("acme")
			w.grant(w.other.namespace, "secrets", secretRules)
		}, func(w *tenants) {
			w.grant(w.other.namespace, "sessions", sessionRules)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newTenants(t)
			w.session("acme")
			row.closed(w)
			started := time.Now()
			manager := w.serve()
			w.ready("acme")
			t.Logf("served after %s", time.Since(started).Round(time.Millisecond))
			w.watched(w.namespace, 1)
			w.watched(w.other.namespace, 0)
			if !manager.said("cannot be watched") || !manager.said("namespace="+w.other.namespace) {
				t.Error("the log does not name the namespace")
			}
			if got := w.standin.Total(); got != 1 {
				t.Errorf("%d requests before the namespace was opened, want 1", got)
			}

			opened := time.Now()
			row.open(w)
			session := w.other.ready("acme")
			t.Logf("served %s after it was opened", time.Since(opened).Round(time.Millisecond))
			w.watched(w.other.namespace, 1)
			if problem := manager.ready(); problem != "" {
				t.Errorf("the manager is not ready: %s", problem)
			}
			if got := w.standin.Total(); got != 2 {
				t.Errorf("%d requests, want one for each session: %+v", got, session.Status)
			}
		})
	}
}

// TestANamespaceMayBeClosedForAWhile takes the permissions away while the manager runs. It
// notices when a watch ends.
func TestANamespaceMayBeClosedForAWhile(t *testing.T) {
	t.Parallel()
	w := newTenants(t)
	w.makeOther()
	w.grant(w.other.namespace, "sessions", sessionRules)
	w.grant(w.other.namespace, "secrets", secretRules)
	w.session("acme")
	w.other.session("acme")
	manager := w.serve()
	w.ready("acme")
	before := w.other.ready("acme")

	w.revoke(w.other.namespace, "sessions")
	w.revoke(w.other.namespace, "secrets")
	w.proxy.breakConnections()
	w.watched(w.other.namespace, 0)
	w.settle("canary")
	w.other.session("canary")
	if problem := manager.ready(); problem != "" {
		t.Errorf("the manager is not ready: %s", problem)
	}

	given := time.Now()
	w.grant(w.other.namespace, "sessions", sessionRules)
	w.grant(w.other.namespace, "secrets", secretRules)
	w.other.ready("canary")
	t.Logf("served %s after the permissions were given back", time.Since(given).Round(time.Millisecond))
	w.watched(w.other.namespace, 1)
	if after := w.other.get("acme"); after.ResourceVersion != before.ResourceVersion {
		t.Errorf("a session at rest was written to: %+v", after.Status)
	}
	if got := w.standin.Total(); got != 4 {
		t.Errorf("%d requests, want one for each of 4 sessions", got)
	}
}

// TestAStandbyIsWarmAlthoughANamespaceIsClosed lets the leader die.
func TestAStandbyIsWarmAlthoughANamespaceIsClosed(t *testing.T) {
	t.Parallel()
	w := newTenants(t)
	election := []string{"--leader-elect", "--leader-election-namespace", w.namespace}
	leader := w.serve(election...)
	w.settle("first")
	w.metrics = freeAddress(t)
	w.serve(election...)
	w.watched(w.other.namespace, 0)
	leader.kill()
	w.settle("second")
	if got := w.standin.Total(); got != 2 {
		t.Errorf("%d requests, want one for each of 2 sessions", got)
	}
}
