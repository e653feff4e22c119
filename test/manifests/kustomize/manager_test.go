package kustomize

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestServingAllNamespaces(t *testing.T) {
	in := newInstallation(t, "default")
	createMissing(t, in.admin, "anywhere")
	in.expectWorkWithItsPermissionsAlone("anywhere")
}

func TestServingAListOfNamespaces(t *testing.T) {
	in := newInstallation(t, "namespaced")
	in.expectWorkWithItsPermissionsAlone("finance")

	config := serviceAccount(t, in.cluster)
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
func (in *installation) expectWorkWithItsPermissionsAlone(namespace string) {
	in.t.Helper()
	first := in.startManager("KUBE_FEATURE_WatchListClient=false") // as with an API server that does not stream lists
	holder := in.waitForHolder("")
	second := in.startManager()
	second.waitUntilReady() // standing by

	in.applySamples(namespace)
	in.waitUntilIssued(namespace, "acme")
	in.waitForAnotherURL(namespace, "acme")
	in.expectEvents(namespace)

	first.stop()
	in.waitForHolder(holder)
	in.requestRenewal(namespace, "acme", "after the change of leaders")
	in.expectMetricsForReadersOnly(second)
	second.stop()

	audit := in.readAudit()
	for _, refused := range audit.refused {
		in.t.Errorf("the manager was refused: %+v", refused)
	}
	for _, granted := range in.granted() {
		if !audit.used[granted] && !slices.Contains(unusedHere, granted) {
			in.t.Errorf("the manager may, but did not: %+v", granted)
		}
	}
}

// unusedHere are permissions that a day's work does not need.
var unusedHere = []permission{
	// An event that repeats within minutes becomes a series, by a patch.
	{verb: "patch", group: "events.k8s.io", resource: "events"},
}

// installation is a cluster of its own with a rendered folder and nothing else,
// and an endpoint.
type installation struct {
	t        *testing.T
	cluster  *controlplane.ControlPlane
	objects  manifest
	admin    client.Client
	auditLog string
	endpoint *httptest.Server
	manager  string // the binary
}

// shortLife makes a session renew after ten seconds, the least there may be
// between two requests, while its URL is alive.
const shortLife = 25 * time.Second

func newInstallation(t *testing.T, folder string) *installation {
	t.Helper()
	in := &installation{
		t: t, objects: rendered(t, folder), auditLog: filepath.Join(t.TempDir(), "audit.log"), manager: buildManager(t),
	}
	var err error
	in.cluster, err = controlplane.Start(t.Context(), controlplane.Options{
		AuditLog: in.auditLog,
		// Common where tenants are kept apart; it asks more of whoever writes an owner.
		ExtraArgs: map[string][]string{"enable-admission-plugins": {"OwnerReferencesPermissionEnforcement"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.cluster.Stop() })
	in.admin = strictClient(t, in.cluster, &warnings{})
	createMissing(t, in.admin, "finance")
	if err := install(t.Context(), in.cluster, folder); err != nil {
		t.Fatal(err)
	}
	in.endpoint = httptest.NewServer(standin.New(standin.AcceptAnyKey(), standin.WithMaxLife(shortLife)))
	t.Cleanup(in.endpoint.Close)
	return in
}

// process is a running manager.
type process struct {
	t               *testing.T
	command         *exec.Cmd
	metrics, probes string
	log             bytes.Buffer
	done            chan struct{}
	stopping        sync.Once
}

// startManager runs the manager of the Deployment that each installation has.
func (in *installation) startManager(environment ...string) *process {
	in.t.Helper()
	return in.startManagerOf(operatorName, environment)
}

// startManagerOf runs a manager with the args of a rendered Deployment; only
// addresses and what a pod would know of itself are added, and more.
func (in *installation) startManagerOf(name string, environment []string, more ...string) *process {
	in.t.Helper()
	deployment := find[appsv1.Deployment](in.t, in.objects, "Deployment", name)
	p := &process{t: in.t, metrics: freeAddress(in.t), probes: freeAddress(in.t), done: make(chan struct{})}
	args := slices.Concat(deployment.Spec.Template.Spec.Containers[0].Args, []string{
		"--metrics-bind-address=" + p.metrics,
		"--health-probe-bind-address=" + p.probes,
		"--endpoint-url=" + in.endpoint.URL + standin.Path,
		"--leader-election-namespace=" + deployment.Namespace,
		"--kubeconfig=" + in.kubeconfig(deployment.Namespace, deployment.Spec.Template.Spec.ServiceAccountName),
	}, more)
	p.command = exec.Command(in.manager, args...)
	p.command.Env = append(os.Environ(), environment...)
	p.command.Stdout, p.command.Stderr = &p.log, &p.log
	if err := p.command.Start(); err != nil {
		in.t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.command.Wait()
	}()
	in.t.Cleanup(func() {
		p.stop()
		if in.t.Failed() {
			in.t.Logf("the manager's log:\n%s", p.log.String())
		}
	})
	return p
}

func (in *installation) kubeconfig(namespace, account string) string {
	in.t.Helper()
	_, text, err := in.cluster.AddServiceAccount(namespace, account)
	if err != nil {
		in.t.Fatal(err)
	}
	path := filepath.Join(in.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		in.t.Fatal(err)
	}
	return path
}

// stop ends the manager as a kubelet would, and expects it to end well.
func (p *process) stop() {
	p.t.Helper()
	p.stopping.Do(func() {
		_ = p.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
			if !p.command.ProcessState.Success() {
				p.t.Errorf("the manager ended with %v", p.command.ProcessState)
			}
		case <-time.After(patience):
			p.t.Error("the manager does not end")
			_ = p.command.Process.Kill()
			<-p.done
		}
	})
}

func (p *process) waitUntilReady() {
	p.t.Helper()
	eventually(p.t, "the manager is ready", func() string {
		answer, err := http.Get("http://" + p.probes + "/readyz")
		if err != nil {
			return err.Error()
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return answer.Status
		}
		return ""
	})
}

func buildManager(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "manager")
	build := exec.Command("go", "build", "-o", path, "./cmd/manager")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the manager: %v\n%s", err, output)
	}
	return path
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func eventually(t *testing.T, what string, condition func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		problem := condition()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s", what, problem)
		}
		time.Sleep(pace)
	}
}

// waitForHolder waits until somebody else holds the lease.
func (in *installation) waitForHolder(before string) (holder string) {
	in.t.Helper()
	return in.waitForHolderOf(operatorName, before)
}

func (in *installation) waitForHolderOf(name, before string) (holder string) {
	in.t.Helper()
	eventually(in.t, "a manager leads", func() string {
		lease, err := clientset(in.t, in.cluster.Config()).CoordinationV1().Leases(systemNamespace).
			Get(in.t.Context(), name, metav1.GetOptions{})
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

func (in *installation) applySamples(namespace string) {
	in.t.Helper()
	for _, object := range rendered(in.t, "samples") {
		if err := apply(in.t.Context(), in.admin, object, namespace); err != nil {
			in.t.Fatal(err)
		}
	}
}

func (in *installation) waitUntilIssued(namespace, name string) {
	in.t.Helper()
	eventually(in.t, "session "+name+" is ready", func() string {
		session := in.session(namespace, name)
		if !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Sprintf("%+v", session.Status)
		}
		return ""
	})
}

// waitForAnotherURL waits for a renewal that nobody asks for.
func (in *installation) waitForAnotherURL(namespace, name string) {
	in.t.Helper()
	first := in.url(namespace, name)
	eventually(in.t, "another URL is in the Secret", func() string {
		if in.url(namespace, name) == first {
			return "it is the first one"
		}
		return ""
	})
}

func (in *installation) requestRenewal(namespace, name, token string) {
	in.t.Helper()
	session := in.session(namespace, name)
	before := session.DeepCopy()
	metav1.SetMetaDataAnnotation(&session.ObjectMeta, v1alpha1.AnnotationRenewRequestedAt, token)
	if err := in.admin.Patch(in.t.Context(), session, client.MergeFrom(before)); err != nil {
		in.t.Fatal(err)
	}
	eventually(in.t, "the renewal is handled", func() string {
		if handled := in.session(namespace, name).Status.LastHandledRenewRequest; handled != token {
			return fmt.Sprintf("handled is %q", handled)
		}
		return ""
	})
}

func (in *installation) session(namespace, name string) *v1alpha1.BillingSession {
	in.t.Helper()
	var session v1alpha1.BillingSession
	if err := in.admin.Get(in.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &session); err != nil {
		in.t.Fatal(err)
	}
	return &session
}

func (in *installation) url(namespace, name string) string {
	in.t.Helper()
	var secret corev1.Secret
	if err := in.admin.Get(in.t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &secret); err != nil {
		in.t.Fatal(err)
	}
	return string(secret.Data[v1alpha1.SecretKeyURL])
}

func (in *installation) expectEvents(sessions string) {
	in.t.Helper()
	for namespace, want := range map[string]string{sessions: v1alpha1.ReasonIssued, systemNamespace: "LeaderElection"} {
		eventually(in.t, "event "+want, func() string {
			var events eventsv1.EventList
			if err := in.admin.List(in.t.Context(), &events, client.InNamespace(namespace)); err != nil {
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
	in.t.Helper()
	const namespace, account = "default", "prometheus"
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}
	if err := in.admin.Create(in.t.Context(), &corev1.ServiceAccount{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}}); err != nil {
		in.t.Fatal(err)
	}
	token, err := clientset(in.t, in.cluster.Config()).CoreV1().ServiceAccounts(namespace).
		CreateToken(in.t.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		in.t.Fatal(err)
	}
	in.expectScrape(p, "", http.StatusUnauthorized)
	in.expectScrape(p, token.Status.Token, http.StatusForbidden)
	if err := in.admin.Create(in.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: operatorName + "-metrics-reader"},
		Subjects:   []rbacv1.Subject{subject},
	}); err != nil {
		in.t.Fatal(err)
	}
	in.expectScrape(p, token.Status.Token, http.StatusOK)
}

func (in *installation) expectScrape(p *process, token string, want int) {
	in.t.Helper()
	// The manager makes its certificate for itself.
	scraper := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer scraper.CloseIdleConnections()
	eventually(in.t, fmt.Sprintf("a scrape is answered %d", want), func() string {
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
