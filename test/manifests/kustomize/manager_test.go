package kustomize

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestServingAllNamespaces(t *testing.T) {
	newInstallation(t, "default", "anywhere", standin.WithMaxLife(shortLife)).expectWorkWithItsPermissionsAlone()
}

func TestServingAListOfNamespaces(t *testing.T) {
	in := newInstallation(t, "namespaced", "finance", standin.WithMaxLife(shortLife))
	in.expectWorkWithItsPermissionsAlone()

	config := serviceAccount(t, in.Cluster)
	for _, row := range []struct {
		act
		allowed bool
		why     string
	}{
		{act{verb: "list", resource: "secrets", namespace: "finance"}, true, "finance is on the list"},
		{act{verb: "list", resource: "secrets", namespace: "sales"}, false, "sales is not"},
		{act{verb: "get", resource: "secrets", namespace: systemNamespace}, false, "nor is its own namespace"},
		{act{verb: "list", resource: "secrets"}, false, "there would be no limit"},
		{act{verb: "list", group: billing, resource: "billingsessions"}, false, "nor here"},
	} {
		if got := may(t, config, row.act); got != row.allowed {
			t.Errorf("may %s %s in %q: %v, but %s", row.verb, row.resource, row.namespace, got, row.why)
		}
	}
	expectForbidden(t, config)
}

// expectWorkWithItsPermissionsAlone runs the manager, as processes with the
// rendered Deployment's args, through a day's work: nothing of it is refused, and
// there is no permission that it does not use.
func (in *installation) expectWorkWithItsPermissionsAlone() {
	in.T.Helper()
	first := in.startManager("KUBE_FEATURE_WatchListClient=false") // as with an API server that does not stream lists
	holder := in.waitForHolder("")
	second := in.startManager()
	in.Eventually("the other stands by", second.Ready)

	in.applySamples()
	in.Ready("acme")
	in.waitForAnotherURL("acme")
	in.expectEvents()

	first.Stop()
	in.waitForHolder(holder)
	in.renew("acme", "after the change of leaders")
	in.expectMetricsForReadersOnly(second)
	second.Stop()

	audit := in.readAudit()
	for _, refused := range audit.refused {
		in.T.Errorf("the manager was refused: %+v", refused)
	}
	for _, granted := range in.granted() {
		if !audit.used[granted] && !slices.Contains(unusedHere, granted) {
			in.T.Errorf("the manager may, but did not: %+v", granted)
		}
	}
}

// unusedHere are permissions that a day's work does not need.
var unusedHere = []permission{
	// An event that repeats within minutes becomes a series, by a patch.
	{verb: "patch", group: "events.k8s.io", resource: "events"},
}

// installation is a cluster of its own with a rendered folder and nothing else,
// and an endpoint. Its sessions are in the stage's namespace.
type installation struct {
	*env.Stage
	objects  manifests.Manifest
	auditLog string
}

// shortLife makes a session renew after ten seconds, the least there may be
// between two requests, while its URL is alive.
const shortLife = 25 * time.Second

func newInstallation(t *testing.T, folder, namespace string, options ...standin.Option) *installation {
	t.Helper()
	in := &installation{objects: manifests.Rendered(t, folder), auditLog: filepath.Join(t.TempDir(), "audit.log")}
	cluster := env.NewCluster(t, controlplane.Options{
		AuditLog: in.auditLog,
		// Common where tenants are kept apart; it asks more of whoever writes an owner.
		ExtraArgs: map[string][]string{"enable-admission-plugins": {"OwnerReferencesPermissionEnforcement"}},
	})
	in.Stage = &env.Stage{T: t, Cluster: cluster, Namespace: namespace, Client: env.Client(t, cluster.Config())}
	manifests.Namespace(t, in.Client, "finance")
	manifests.Namespace(t, in.Client, namespace)
	in.Must(install(t.Context(), cluster, folder))
	in.Standin, in.URL = env.Endpoint(t, append(options, standin.AcceptAnyKey())...)
	return in
}

// process is a running manager.
type process struct {
	*env.Manager
	metrics string
}

// startManager runs the manager of the Deployment that each installation has.
func (in *installation) startManager(environment ...string) *process {
	in.T.Helper()
	return in.startManagerOf(operatorName, environment)
}

// startManagerOf runs a manager with the args of a rendered Deployment; only
// addresses and what a pod would know of itself are added, and more.
func (in *installation) startManagerOf(name string, environment []string, more ...string) *process {
	in.T.Helper()
	deployment := manifests.Find[appsv1.Deployment](in.T, in.objects, "Deployment", name)
	_, kubeconfig, err := in.Cluster.AddServiceAccount(deployment.Namespace, deployment.Spec.Template.Spec.ServiceAccountName)
	in.Must(err)
	metrics := env.FreeAddress(in.T)
	args := slices.Concat(deployment.Spec.Template.Spec.Containers[0].Args, []string{
		"--metrics-bind-address=" + metrics,
		"--endpoint-url=" + in.URL + standin.Path,
		"--leader-election-namespace=" + deployment.Namespace,
		"--kubeconfig=" + env.Kubeconfig(in.T, kubeconfig),
	}, more)
	return &process{env.LaunchManager(in.T, environment, args...), metrics}
}

// waitForHolder waits until somebody else holds the lease.
func (in *installation) waitForHolder(before string) (holder string) {
	in.T.Helper()
	return in.waitForHolderOf(operatorName, before)
}

func (in *installation) waitForHolderOf(name, before string) (holder string) {
	in.T.Helper()
	in.Eventually("a manager leads", func() string {
		lease, err := clientset(in.T, in.Cluster.Config()).CoordinationV1().Leases(systemNamespace).
			Get(in.T.Context(), name, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		if holder = ptr.Deref(lease.Spec.HolderIdentity, ""); holder == "" || holder == before {
			return fmt.Sprintf("the lease is held by %q", holder)
		}
		return ""
	})
	return holder
}

func (in *installation) applySamples() {
	in.T.Helper()
	strict := manifests.NewStrict(in.T, in.Cluster.Config())
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
	for namespace, want := range map[string]string{in.Namespace: v1alpha1.ReasonIssued, systemNamespace: "LeaderElection"} {
		in.Eventually("event "+want, func() string {
			var events eventsv1.EventList
			if err := in.Client.List(in.T.Context(), &events, client.InNamespace(namespace)); err != nil {
				return err.Error()
			}
			if slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool { return e.Reason == want }) {
				return ""
			}
			return fmt.Sprintf("there are %d others in %s", len(events.Items), namespace)
		})
	}
}

// expectMetricsForReadersOnly scrapes as Prometheus would.
func (in *installation) expectMetricsForReadersOnly(p *process) {
	in.T.Helper()
	const namespace, account = "default", "prometheus"
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}
	in.Create(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}})
	token, err := clientset(in.T, in.Cluster.Config()).CoreV1().ServiceAccounts(namespace).
		CreateToken(in.T.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	in.Must(err)
	in.expectScrape(p, "", http.StatusUnauthorized)
	in.expectScrape(p, token.Status.Token, http.StatusForbidden)
	in.Create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: operatorName + "-metrics-reader"},
		Subjects:   []rbacv1.Subject{subject},
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
		if answer.StatusCode != want {
			return answer.Status
		}
		return ""
	})
}
