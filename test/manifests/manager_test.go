package manifests_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
	"github.com/xtracta/billing-operator/test/standin"
)

// TestServingAllNamespaces runs the manager, as processes with the rendered Deployment's args,
// through a day's work: nothing of it is refused, and there is no permission that it does not
// use.
func TestServingAllNamespaces(t *testing.T) {
	// A session renews after ten seconds, the least there may be between two requests, while its
	// URL is alive.
	in := newInstallation(t, manifests.Rendered(t, "default"), "anywhere", standin.WithMaxLife(25*time.Second))
	first := in.startManager(operatorName, []string{"KUBE_FEATURE_WatchListClient=false"}) // as with an API server that does not stream lists
	holder := in.waitForHolder(operatorName, "")
	second := in.startManager(operatorName, nil)
	in.Eventually("the other stands by", second.Ready)

	in.applySamples()
	in.Ready("acme")
	in.waitForAnotherURL("acme")
	in.expectEvents()
	in.spoil("acme")

	first.Stop()
	in.waitForHolder(operatorName, holder)
	in.renew("acme", "after the change of leaders")
	in.expectMetricsForReadersOnly(second)
	second.Stop()

	used := in.expectNothingRefused(operatorName)
	for _, granted := range in.granted() {
		if !used[granted] && granted != (permission{"patch", "events.k8s.io", "events"}) { // for an event that repeats within minutes
			t.Errorf("the manager may, but did not: %+v", granted)
		}
	}
}

// TestServingAListOfNamespaces runs it where it was moved to, beside the bindings to the namespaces that
// it serves.
func TestServingAListOfNamespaces(t *testing.T) {
	const name = operatorName + "-eu"
	in := newInstallation(t, movedBesideItsBindings(t, "namespace: xtracta", "nameSuffix: -eu, "), "finance")
	manager := in.startManager(name, nil)
	in.applySamples()
	in.Ready("acme")
	manager.Stop()
	in.expectNothingRefused(name)

	account, _, err := in.Cluster.AddServiceAccount(otherNamespace, name)
	in.Must(err)
	for _, row := range []struct {
		act
		allowed bool
		why     string
	}{
		{act{verb: "list", resource: "secrets", namespace: "finance"}, true, "finance is on the list"},
		{act{verb: "list", resource: "secrets", namespace: "sales"}, false, "sales is not"},
		{act{verb: "get", resource: "secrets", namespace: otherNamespace}, false, "nor is its own namespace"},
		{act{verb: "list", resource: "secrets"}, false, "there would be no limit"},
		{act{verb: "list", group: billing, resource: "billingsessions"}, false, "nor here"},
	} {
		if got := may(t, account, row.act); got != row.allowed {
			t.Errorf("may %s %s in %q: %v, but %s", row.verb, row.resource, row.namespace, got, row.why)
		}
	}
	expectForbidden(t, account, otherNamespace)
}

// installation is a rendered operator in the cluster, and an endpoint. Its sessions are in the
// stage's namespace, and there are no others in the cluster.
type installation struct {
	*env.Stage
	objects manifests.Manifest
	// home is the operator's own namespace.
	home string
}

func newInstallation(t *testing.T, objects manifests.Manifest, namespace string, options ...standin.Option) *installation {
	t.Helper()
	c := env.Client(t, cluster(t).Config())
	manifests.Namespace(t, c, "finance")
	manifests.Namespace(t, c, namespace)
	in := &installation{
		Stage:   &env.Stage{T: t, Cluster: cluster(t), Namespace: namespace, Client: c},
		objects: objects, home: objects.OfKind("Deployment")[0].GetNamespace(),
	}
	in.Must(install(t.Context(), in.Cluster, objects.DeepCopy()))
	var sessions v1alpha1.BillingSessionList
	in.Must(c.List(t.Context(), &sessions))
	for _, session := range sessions.Items {
		in.Delete(&session)
	}
	in.Standin, in.URL = env.Endpoint(t, append(options, standin.AcceptAnyKey())...)
	return in
}

// process is a running manager.
type process struct {
	*env.Manager
	metrics string
}

// startManager runs a manager with the args of a rendered Deployment; only addresses and what a pod
// would know of itself are added, and more.
func (in *installation) startManager(name string, environment []string, more ...string) *process {
	in.T.Helper()
	pod := manifests.Find[appsv1.Deployment](in.T, in.objects, "Deployment", name).Spec.Template.Spec
	_, kubeconfig, err := in.Cluster.AddServiceAccount(in.home, pod.ServiceAccountName)
	in.Must(err)
	metrics := env.FreeAddress(in.T)
	args := slices.Concat(pod.Containers[0].Args, []string{
		"--metrics-bind-address=" + metrics,
		"--endpoint-url=" + in.URL + standin.Path,
		"--leader-election-namespace=" + in.home,
		"--kubeconfig=" + env.Kubeconfig(in.T, kubeconfig),
	}, more)
	return &process{env.LaunchManager(in.T, environment, args...), metrics}
}

// waitForHolder waits until somebody else holds the lease.
func (in *installation) waitForHolder(lease, before string) (holder string) {
	in.T.Helper()
	in.Eventually("a manager leads", func() string {
		var found coordinationv1.Lease
		if err := in.Client.Get(in.T.Context(), client.ObjectKey{Namespace: in.home, Name: lease}, &found); err != nil {
			return err.Error()
		}
		holder = ptr.Deref(found.Spec.HolderIdentity, "")
		return env.Unless(holder != "" && holder != before, fmt.Sprintf("the lease is held by %q", holder))
	})
	return holder
}

func (in *installation) applySamples() {
	in.T.Helper()
	strict := strictClient(in.T)
	for _, object := range manifests.Rendered(in.T, "samples") {
		in.Must(manifests.Apply(in.T.Context(), strict, object, in.Namespace))
	}
}

// waitForAnotherURL waits for a renewal that nobody asks for.
func (in *installation) waitForAnotherURL(name string) {
	in.T.Helper()
	first := in.URLIn(name)
	in.Eventually("another URL is in the Secret", func() string {
		return env.Unless(in.URLIn(name) != first, "it is the first one")
	})
}

// spoil edits the URL in the generated Secret, and waits until that is undone.
func (in *installation) spoil(name string) {
	in.T.Helper()
	const spoilt = "https://example.com/"
	in.Must(in.Client.Patch(in.T.Context(), in.Secret(name),
		client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"stringData":{"url":%q}}`, spoilt))))
	in.Eventually("the edit is undone", func() string { return env.Unless(in.URLIn(name) != spoilt, "it is still there") })
}

// renew asks for a fresh URL, and waits until there is an answer.
func (in *installation) renew(name, token string) {
	in.T.Helper()
	in.RequestRenewal(name, token)
	in.Eventually("the renewal is handled", func() string {
		handled := in.Get(name).Status.LastHandledRenewRequest
		return env.Unless(handled == token, fmt.Sprintf("handled is %q", handled))
	})
}

func (in *installation) expectEvents() {
	in.T.Helper()
	for namespace, want := range map[string]string{in.Namespace: v1alpha1.ReasonIssued, in.home: "LeaderElection"} {
		in.Eventually("event "+want, func() string {
			var events eventsv1.EventList
			if err := in.Client.List(in.T.Context(), &events, client.InNamespace(namespace)); err != nil {
				return err.Error()
			}
			found := slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool { return e.Reason == want })
			return env.Unless(found, fmt.Sprintf("there are %d others in %s", len(events.Items), namespace))
		})
	}
}

// expectMetricsForReadersOnly scrapes as Prometheus would.
func (in *installation) expectMetricsForReadersOnly(p *process) {
	in.T.Helper()
	const namespace, account = "default", "prometheus"
	in.Create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}})
	token, err := clientset(in.T, in.Cluster.Config()).CoreV1().ServiceAccounts(namespace).
		CreateToken(in.T.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	in.Must(err)
	in.expectScrape(p, "", http.StatusUnauthorized)
	in.expectScrape(p, token.Status.Token, http.StatusForbidden)
	in.Create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: operatorName + "-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	})
	in.expectScrape(p, token.Status.Token, http.StatusOK)
}

func (in *installation) expectScrape(p *process, token string, want int) {
	in.T.Helper()
	// The manager makes its certificate for itself.
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer scraper.CloseIdleConnections()
	in.Eventually(fmt.Sprintf("a scrape is answered %d", want), func() string {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://"+p.metrics+"/metrics", nil)
		if err != nil {
			return err.Error()
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := scraper.Do(request)
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		return env.Unless(answer.StatusCode == want, answer.Status)
	})
}
