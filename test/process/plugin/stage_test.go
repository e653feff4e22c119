package plugin

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os/exec"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	// keyPrefix is how every key begins; each session has one of its own.
	keyPrefix = "key-of-group-"
	patience  = 90 * time.Second
)

// stage is a namespace with its own stand-in of the endpoint.
type stage struct {
	t          *testing.T
	namespace  string
	kubeconfig string
	dir        string
	client     client.Client
	standin    *standin.Server
	server     *httptest.Server
}

func newStage(t *testing.T, options ...standin.Option) *stage {
	t.Helper()
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	_ = v1alpha1.AddToScheme(scheme)
	c, err := client.New(cluster.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{
		t: t, client: c, namespace: fmt.Sprintf("finance-%08x", rand.Uint32()),
		kubeconfig: cluster.KubeconfigPath(), dir: t.TempDir(), standin: standin.New(options...),
	}
	s.server = httptest.NewServer(s.standin)
	t.Cleanup(s.server.Close)
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}})
	return s
}

// on is the stage for a subtest.
func (s *stage) on(t *testing.T) *stage {
	other := *s
	other.t = t
	return &other
}

func (s *stage) create(object client.Object) {
	s.t.Helper()
	if err := s.client.Create(s.t.Context(), object); err != nil {
		s.t.Fatal(err)
	}
}

// session creates a session with a key of its own.
func (s *stage) session(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	s.t.Helper()
	s.standin.AddKeys(keyPrefix + name)
	s.create(builders.KeySecretOf(s.namespace, "key-"+name, keyPrefix+name))
	return s.sessionWithoutKey(name, differences...)
}

func (s *stage) sessionWithoutKey(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	s.t.Helper()
	session := builders.Session(name, append(differences, builders.In(s.namespace), builders.KeySecret("key-"+name))...)
	s.create(session)
	return session
}

func (s *stage) get(name string) *v1alpha1.BillingSession {
	s.t.Helper()
	var session v1alpha1.BillingSession
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, &session); err != nil {
		s.t.Fatal(err)
	}
	return &session
}

func (s *stage) ready(name string) *v1alpha1.BillingSession {
	s.t.Helper()
	return s.reaches(name, v1alpha1.ConditionReady, v1alpha1.ReasonIssued)
}

// reaches waits until a condition has that reason.
func (s *stage) reaches(name, kind, reason string) (session *v1alpha1.BillingSession) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("session %s is %s by %s", name, kind, reason), func() string {
		session = s.get(name)
		if condition := meta.FindStatusCondition(session.Status.Conditions, kind); condition != nil && condition.Reason == reason {
			return ""
		}
		return fmt.Sprintf("%+v", session.Status.Conditions)
	})
	return session
}

func (s *stage) misbehave(name string, faults ...standin.Fault) {
	s.standin.MisbehaveFor(keyPrefix+name, faults...)
}

// urlIn is the URL that the generated Secret holds.
func (s *stage) urlIn(name string) string {
	s.t.Helper()
	var secret corev1.Secret
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, &secret); err != nil {
		s.t.Fatal(err)
	}
	return string(secret.Data[v1alpha1.SecretKeyURL])
}

func (s *stage) eventually(what string, condition func() string) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for problem := condition(); problem != ""; problem = condition() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %s", what, problem)
		}
		time.Sleep(50 * time.Millisecond) // the pace of looking, not a bound
	}
}

// startManager starts a manager that serves the stage's namespace until the test,
// or stop, ends it.
func (s *stage) startManager() (stop func()) {
	s.t.Helper()
	out := &syncBuffer{}
	cmd := exec.Command(managerPath,
		"--kubeconfig", cluster.KubeconfigPath(),
		"--endpoint-url", s.server.URL+"/v1/billings/billing_ui",
		"--watch-namespaces", s.namespace,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0",
		"--log-format", "text", "--log-level", "debug")
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	s.t.Cleanup(func() {
		stop()
		if s.t.Failed() {
			s.t.Logf("the manager said:\n%s", out)
		}
	})
	return stop
}
