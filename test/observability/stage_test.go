package observability

import (
	"bytes"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// What the shipped objects are called, and so the labels of what is scraped.
const (
	systemNamespace = "billing-operator-system"
	metricsService  = "billing-operator-metrics"
	leaseName       = "billing-operator"
	// namespace is where the sessions are.
	namespace = "finance"
)

// stage is the real manager between a real API server and a stand-in of the endpoint, scraped
// by a real Prometheus.
type stage struct {
	t        *testing.T
	program  string // the manager's path
	client   client.Client
	endpoint *standin.Server
	address  string // of the manager's metrics
	args     []string
	manager  *exec.Cmd
	log      bytes.Buffer
	token    string // of whoever may read metrics
	caFile   string // the path of --endpoint-ca-file
	// certificate is one that the file may hold.
	certificate []byte
	server      *server
}

// life is that of a URL: short, for a day of them to pass in a minute.
const life = 34 * time.Second

func newStage(t *testing.T) *stage {
	t.Helper()
	needPrometheus(t)
	log.SetLogger(logr.Discard())
	cluster, err := controlplane.Start(t.Context(), controlplane.Options{CRDDirs: []string{filepath.Join(root, "config", "crd", "bases")}})
	if err != nil {
		t.Fatalf("no API server: %v", err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme) // adding known types cannot fail
	_ = v1alpha1.AddToScheme(scheme)
	c, err := client.New(cluster.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{
		t: t, client: c, program: buildManager(t), address: freeAddress(t),
		endpoint: standin.New(standin.AcceptAnyKey(), standin.WithMaxLife(life)),
	}
	endpoint := httptest.NewServer(s.endpoint)
	t.Cleanup(endpoint.Close)
	s.caFile, s.certificate = filepath.Join(t.TempDir(), "ca.pem"), certificate()
	s.writeCAFile(s.certificate)
	s.args = []string{
		"--kubeconfig", cluster.KubeconfigPath(), "--endpoint-url", endpoint.URL + standin.Path,
		"--endpoint-ca-file", s.caFile,
		"--leader-elect", "--leader-election-namespace", systemNamespace, "--leader-election-id", leaseName,
		"--metrics-bind-address", s.address, "--health-probe-bind-address", "0",
	}
	for _, name := range []string{systemNamespace, namespace} {
		s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return s
}

// certificate is any that is valid. The stand-in is asked over http, so nothing is verified by it.
func certificate() []byte {
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

// writeCAFile replaces the file at once, as a kubelet does.
func (s *stage) writeCAFile(text []byte) {
	s.t.Helper()
	err := os.WriteFile(s.caFile+".new", text, 0o600)
	if err == nil {
		err = os.Rename(s.caFile+".new", s.caFile)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func buildManager(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "manager")
	build := exec.Command("go", "build", "-o", path, "./cmd/manager")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the manager: %v\n%s", err, output)
	}
	return path
}

func (s *stage) create(object client.Object) {
	s.t.Helper()
	if err := s.client.Create(s.t.Context(), object); err != nil {
		s.t.Fatal(err)
	}
}

// scrape starts Prometheus, as a ServiceAccount that may read metrics.
func (s *stage) scrape() {
	s.t.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "prometheus"}}
	s.create(account)
	reader := &rbacv1.ClusterRole{}
	if err := yaml.Unmarshal([]byte(read(s.t, "config", "rbac", "metrics_reader_role.yaml")), reader); err != nil {
		s.t.Fatal(err)
	}
	s.create(reader)
	s.create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reader.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	})
	token := &authenticationv1.TokenRequest{}
	if err := s.client.SubResource("token").Create(s.t.Context(), account, token); err != nil {
		s.t.Fatal(err)
	}
	s.token = token.Status.Token
	s.server = startServer(s.t, s.address, s.token)
}

// startManager starts the manager, which need not lead.
func (s *stage) startManager() {
	s.t.Helper()
	s.manager = exec.Command(s.program, s.args...)
	s.manager.Stdout, s.manager.Stderr = &s.log, &s.log
	if err := s.manager.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		s.stopManager()
		if s.t.Failed() {
			s.t.Logf("the manager said:\n%s", &s.log)
		}
	})
}

// stopManager ends it as a kubelet would; without effect when it has ended.
func (s *stage) stopManager() {
	if s.manager.ProcessState == nil {
		_ = s.manager.Process.Signal(syscall.SIGTERM)
		_ = s.manager.Wait()
	}
}

// holdLease keeps any manager from leading until the lease is released.
func (s *stage) holdLease() (release func()) {
	s.t.Helper()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: leaseName},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("somebody"), LeaseDurationSeconds: ptr.To(int32(3600)),
			AcquireTime: ptr.To(metav1.NowMicro()), RenewTime: ptr.To(metav1.NowMicro()),
		},
	}
	s.create(lease)
	return func() {
		if err := s.client.Delete(s.t.Context(), lease); err != nil {
			s.t.Fatal(err)
		}
	}
}

// session creates a session with a key of its own, for which the endpoint may misbehave.
func (s *stage) session(name string, differences ...func(*v1alpha1.BillingSession)) {
	s.t.Helper()
	s.key(name)
	s.create(builders.Session(name, append(differences, builders.In(namespace), builders.KeySecret("key-"+name))...))
}

// misbehave lets something go wrong with a session's key.
func (s *stage) misbehave(name string, faults ...standin.Fault) {
	s.endpoint.MisbehaveFor(keyOf(name), faults...)
}

// key creates the Secret that holds a session's key.
func (s *stage) key(name string) {
	s.t.Helper()
	s.create(builders.KeySecretOf(namespace, "key-"+name, keyOf(name)))
}

func keyOf(name string) string { return "secret-" + name }

// heal ends what went wrong with a session's key, and asks for a URL as a person would.
func (s *stage) heal(name string) {
	s.t.Helper()
	s.misbehave(name)
	s.renew(name)
}

// renew asks for a new URL.
func (s *stage) renew(name string) {
	s.t.Helper()
	patch := []byte(`{"metadata":{"annotations":{"` + v1alpha1.AnnotationRenewRequestedAt + `":"now"}}}`)
	session := builders.Session(name, builders.In(namespace))
	if err := s.client.Patch(s.t.Context(), session, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		s.t.Fatal(err)
	}
}
