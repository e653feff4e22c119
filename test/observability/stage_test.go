//go:build long

package observability

import (
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
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
	*env.Stage
	address string // of the manager's metrics
	args    []string
	manager *env.Manager
	log     []*env.Buffer // of all managers
	token   string        // of whoever may read metrics
	caFile  string        // the path of --endpoint-ca-file
	// certificate is one that the file may hold.
	certificate []byte
	server      *server
	chapter     time.Time         // when what happens now began
	raised      map[string]bool   // alerts that were
	served      map[string]string // rows of the metrics that there were
}

// life is that of a URL: short, for a day of them to pass in a minute.
const life = 34 * time.Second

func newStage(t *testing.T) *stage {
	t.Helper()
	needPrometheus(t)
	cluster := env.Cluster(t)
	s := &stage{
		Stage:   &env.Stage{T: t, Cluster: cluster, Namespace: namespace, Client: env.Client(t, cluster.Config())},
		address: env.FreeAddress(t), caFile: filepath.Join(t.TempDir(), "ca.pem"), certificate: certificate(),
		chapter: time.Now(), raised: map[string]bool{}, served: map[string]string{},
	}
	s.Standin, s.URL = env.Endpoint(t, standin.AcceptAnyKey(), standin.WithMaxLife(life))
	s.writeCAFile(s.certificate)
	s.args = []string{
		"--kubeconfig", cluster.KubeconfigPath(), "--endpoint-url", s.URL + standin.Path,
		"--endpoint-ca-file", s.caFile,
		"--leader-elect", "--leader-election-namespace", systemNamespace, "--leader-election-id", leaseName,
		"--metrics-bind-address", s.address,
	}
	for _, name := range []string{systemNamespace, namespace} {
		s.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
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
	s.T.Helper()
	err := os.WriteFile(s.caFile+".new", text, 0o600)
	if err == nil {
		err = os.Rename(s.caFile+".new", s.caFile)
	}
	if err != nil {
		s.T.Fatal(err)
	}
}

// scrape starts Prometheus, as a ServiceAccount that may read metrics.
func (s *stage) scrape() {
	s.T.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "prometheus"}}
	s.Create(account)
	reader := &rbacv1.ClusterRole{}
	if err := yaml.Unmarshal([]byte(read(s.T, "config", "rbac", "metrics_reader_role.yaml")), reader); err != nil {
		s.T.Fatal(err)
	}
	s.Create(reader)
	s.Create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reader.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	})
	token := &authenticationv1.TokenRequest{}
	if err := s.Client.SubResource("token").Create(s.T.Context(), account, token); err != nil {
		s.T.Fatal(err)
	}
	s.token = token.Status.Token
	s.server = startServer(s.T, s.address, s.token)
}

// startManager starts the manager, which need not lead.
func (s *stage) startManager() {
	s.T.Helper()
	s.manager = env.LaunchManager(s.T, nil, s.args...)
	s.log = append(s.log, &s.manager.Out)
}

// holdLease keeps any manager from leading until the lease is released.
func (s *stage) holdLease() (release func()) {
	s.T.Helper()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: leaseName},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("somebody"), LeaseDurationSeconds: ptr.To(int32(3600)),
			AcquireTime: ptr.To(metav1.NowMicro()), RenewTime: ptr.To(metav1.NowMicro()),
		},
	}
	s.Create(lease)
	return func() {
		if err := s.Client.Delete(s.T.Context(), lease); err != nil {
			s.T.Fatal(err)
		}
	}
}

// heal ends what went wrong with a session's key, and asks for a URL as a person would.
func (s *stage) heal(name string) {
	s.T.Helper()
	s.Misbehave(name)
	s.renew(name)
}

// renew asks for a new URL.
func (s *stage) renew(name string) {
	s.T.Helper()
	s.RequestRenewal(name, "now")
}

// crowded is a namespace with many sessions.
const crowded = "crowd"

// crowd makes sessions in a namespace of their own that share a key, which the endpoint answers
// slowly.
func (s *stage) crowd(sessions int) {
	s.T.Helper()
	key := env.KeyOf(crowded)
	s.Standin.AddKeys(key)
	s.Misbehave(crowded, standin.Latency(6*time.Second))
	s.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowded}})
	s.Create(builders.KeySecretOf(crowded, "key", key))
	for i := range sessions {
		s.Create(builders.Session(fmt.Sprintf("crowd-%d", i), builders.In(crowded), builders.Expiration(3600)))
	}
}
