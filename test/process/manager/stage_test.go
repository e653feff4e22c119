package manager

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	apiKey   = "key-of-the-lifecycle-group"
	patience = 60 * time.Second
)

// stage is a namespace with its own stand-in of the endpoint.
type stage struct {
	t         *testing.T
	cluster   *controlplane.ControlPlane
	namespace string
	client    client.Client
	standin   *standin.Server
	server    *httptest.Server
}

func newStage(t *testing.T, options ...standin.Option) *stage {
	t.Helper()
	return newStageOn(t, cluster, options...)
}

// newStageOn is a stage in a cluster of which the test may do as it likes.
func newStageOn(t *testing.T, cluster *controlplane.ControlPlane, options ...standin.Option) *stage {
	t.Helper()
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme)
	_ = v1alpha1.AddToScheme(scheme)
	c, err := client.New(cluster.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, cluster: cluster, client: c, namespace: fmt.Sprintf("stage-%08x", rand.Uint32())}
	s.standin = standin.New(append(options, standin.WithKeys(apiKey))...)
	s.server = httptest.NewServer(s.standin)
	t.Cleanup(s.server.Close)
	s.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}})
	s.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "key"},
		StringData: map[string]string{v1alpha1.DefaultAPIKeySecretKey: apiKey},
	})
	return s
}

func (s *stage) create(object client.Object) {
	s.t.Helper()
	if err := s.client.Create(s.t.Context(), object); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) session(name string, differences ...func(*v1alpha1.BillingSession)) {
	s.t.Helper()
	s.create(builders.Session(name, append(differences, builders.In(s.namespace))...))
}

func (s *stage) get(name string) *v1alpha1.BillingSession {
	s.t.Helper()
	var session v1alpha1.BillingSession
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, &session); err != nil {
		s.t.Fatal(err)
	}
	return &session
}

// ready waits until the session is ready.
func (s *stage) ready(name string) *v1alpha1.BillingSession {
	s.t.Helper()
	var session *v1alpha1.BillingSession
	s.eventually("session "+name+" is ready", func() string {
		session = s.get(name)
		if meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) {
			return ""
		}
		return fmt.Sprintf("%+v", session.Status.Conditions)
	})
	return session
}

// settle waits until the manager has looked at everything that was there: what
// is created last is served last.
func (s *stage) settle(canary string) {
	s.t.Helper()
	s.session(canary)
	s.ready(canary)
}

func (s *stage) eventually(what string, condition func() string) {
	s.t.Helper()
	s.eventuallyWithin(patience, what, condition)
}

func (s *stage) eventuallyWithin(patience time.Duration, what string, condition func() string) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for problem := condition(); problem != ""; problem = condition() {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %s", what, problem)
		}
		time.Sleep(20 * time.Millisecond) // the pace of looking, not a bound
	}
}

// mustNotLeak looks for the key and every granted URL.
func (s *stage) mustNotLeak(where, text string) {
	s.t.Helper()
	if strings.Contains(text, apiKey) {
		s.t.Errorf("%s holds the API key", where)
	}
	for _, grant := range s.standin.Grants(apiKey) {
		if strings.Contains(text, grant.URL) {
			s.t.Errorf("%s holds a granted URL", where)
		}
	}
}
