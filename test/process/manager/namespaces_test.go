package manager

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

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
	for _, resource := range []string{"billingsessions", "secrets", "events", "leases"} {
		w.grant(s.Namespace, resource)
	}
	return w
}

// grant allows the manager in a namespace what its own roles allow it for a resource and its subresources.
func (w *tenants) grant(namespace, resource string) {
	w.T.Helper()
	in := metav1.ObjectMeta{Namespace: namespace, Name: resource}
	w.Create(&rbacv1.Role{ObjectMeta: in, Rules: w.rulesOf(resource)})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: in,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: resource},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: w.user}},
	})
}

func (w *tenants) rulesOf(resource string) (rules []rbacv1.PolicyRule) {
	w.T.Helper()
	for _, file := range []string{"role.yaml", "leader_election_role.yaml"} {
		var role rbacv1.ClusterRole // a Role's rules are written the same way
		content, err := os.ReadFile(env.Path("config", "rbac", file))
		w.Must(err)
		w.Must(yaml.Unmarshal(content, &role))
		for _, rule := range role.Rules {
			if strings.HasPrefix(rule.Resources[0], resource) {
				rules = append(rules, rule)
			}
		}
	}
	return rules
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
			w.grant(w.other.Namespace, "billingsessions")
			w.grant(w.other.Namespace, "secrets")
			w.other.Session("acme")
		}},
		{"nothing may be read", func(w *tenants) {
			w.makeOther()
			w.other.Session("acme")
		}, func(w *tenants) {
			w.grant(w.other.Namespace, "billingsessions")
			w.grant(w.other.Namespace, "secrets")
		}},
		{"Secrets may not be read", func(w *tenants) {
			w.makeOther()
			w.other.Session("acme")
			w.grant(w.other.Namespace, "billingsessions")
		}, func(w *tenants) {
			w.grant(w.other.Namespace, "secrets")
		}},
		{"sessions may not be read", func(w *tenants) {
			w.makeOther()
			w.other.Session("acme")
			w.grant(w.other.Namespace, "secrets")
		}, func(w *tenants) {
			w.grant(w.other.Namespace, "billingsessions")
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
	w.grant(w.other.Namespace, "billingsessions")
	w.grant(w.other.Namespace, "secrets")
	w.Session("acme")
	w.other.Session("acme")
	manager := w.supervise(w.args()...)
	w.Ready("acme")
	before := w.other.Ready("acme")

	w.revoke(w.other.Namespace, "billingsessions")
	w.revoke(w.other.Namespace, "secrets")
	w.proxy.breakConnections()
	w.settle("canary")
	w.other.Session("canary")
	if problem := manager.current().Ready(); problem != "" {
		t.Errorf("the manager is not ready: %s", problem)
	}

	given := time.Now()
	w.grant(w.other.Namespace, "billingsessions")
	w.grant(w.other.Namespace, "secrets")
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
