package env

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
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// KeyPrefix is how every API key of a stage begins. Nothing else does.
const KeyPrefix = "key-of-group-"

// Stage is a namespace with a stand-in of the endpoint of its own.
type Stage struct {
	T         *testing.T
	Cluster   *controlplane.ControlPlane
	Namespace string
	Client    client.WithWatch
	Standin   *standin.Server
	// URL is where the stand-in listens, without a path.
	URL string
	// Key is an API key that the stand-in knows. GiveKey puts it into a Secret.
	Key string
}

// NewStage makes a stage in a cluster.
func NewStage(t *testing.T, cluster *controlplane.ControlPlane, options ...standin.Option) *Stage {
	t.Helper()
	id := fmt.Sprintf("%08x", rand.Uint32())
	s := &Stage{
		T: t, Cluster: cluster, Namespace: "finance-" + id, Client: Client(t, cluster.Config()), Key: KeyPrefix + id,
	}
	s.Standin, s.URL = Endpoint(t, append(options, standin.WithKeys(s.Key))...)
	s.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace}})
	return s
}

// Endpoint is a stand-in of the endpoint, and where it listens.
func Endpoint(t testing.TB, options ...standin.Option) (endpoint *standin.Server, url string) {
	t.Helper()
	endpoint = standin.New(options...)
	server := httptest.NewServer(endpoint)
	t.Cleanup(server.Close)
	return endpoint, server.URL
}

// On is the stage for a subtest.
func (s *Stage) On(t *testing.T) *Stage {
	other := *s
	other.T = t
	return &other
}

// Must fails the test when something went wrong.
func (s *Stage) Must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// Create creates an object.
func (s *Stage) Create(object client.Object) {
	s.T.Helper()
	if err := s.Client.Create(s.T.Context(), object); err != nil {
		s.T.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// Delete deletes an object.
func (s *Stage) Delete(object client.Object, options ...client.DeleteOption) {
	s.T.Helper()
	if err := s.Client.Delete(s.T.Context(), object, options...); err != nil {
		s.T.Fatalf("delete %T %s: %v", object, object.GetName(), err)
	}
}

// At is the key of an object in the stage's namespace.
func (s *Stage) At(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: s.Namespace, Name: name}
}

// GiveKey creates or changes the Secret of that name, from which sessions take their key.
func (s *Stage) GiveKey(name, value string) {
	s.T.Helper()
	secret := builders.KeySecretOf(s.Namespace, name, value)
	if err := s.Client.Update(s.T.Context(), secret.DeepCopy()); err != nil {
		s.Create(secret)
	}
}

// Session creates a session, whose key is in the Secret "key" unless told otherwise.
func (s *Stage) Session(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	s.T.Helper()
	session := builders.Session(name, append(differences, builders.In(s.Namespace))...)
	s.Create(session)
	return session
}

// WithOwnKey creates a session with a key that no other session has.
func (s *Stage) WithOwnKey(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	s.T.Helper()
	s.Standin.AddKeys(KeyOf(name))
	s.GiveKey("key-"+name, KeyOf(name))
	return s.Session(name, append(differences, builders.KeySecret("key-"+name))...)
}

// KeyOf is the key of a session that has one of its own.
func KeyOf(name string) string { return KeyPrefix + name }

// Misbehave lets the endpoint go wrong for a session that has a key of its own.
func (s *Stage) Misbehave(name string, faults ...standin.Fault) {
	s.Standin.MisbehaveFor(KeyOf(name), faults...)
}

// WaitForRequestsUnderWay waits until that many requests have come that are not answered.
func (s *Stage) WaitForRequestsUnderWay(want int) {
	s.T.Helper()
	s.Eventually(fmt.Sprintf("%d requests are under way", want), func() string {
		got := s.Standin.InFlight()
		return Unless(got == want, fmt.Sprint(got))
	})
}

// RequestsSince is how often it was asked for a session with a key of its own from then on.
func (s *Stage) RequestsSince(name string, then time.Time) (n int) {
	for _, request := range s.Standin.Log() {
		if request.Key == standin.KeyID(KeyOf(name)) && request.Time.After(then) {
			n++
		}
	}
	return n
}

// RequestRenewal asks for a fresh URL as people do.
func (s *Stage) RequestRenewal(name, token string) {
	s.T.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRenewRequestedAt, token)
	s.Must(s.Client.Patch(s.T.Context(), builders.Session(name, builders.In(s.Namespace)),
		client.RawPatch("application/merge-patch+json", patch)))
}

// Get is the session of that name.
func (s *Stage) Get(name string) *v1alpha1.BillingSession {
	s.T.Helper()
	var session v1alpha1.BillingSession
	s.Must(s.Client.Get(s.T.Context(), s.At(name), &session))
	return &session
}

// Secret is the Secret of that name, nil when there is none.
func (s *Stage) Secret(name string) *corev1.Secret {
	s.T.Helper()
	var secret corev1.Secret
	if err := s.Client.Get(s.T.Context(), s.At(name), &secret); err != nil {
		s.Must(client.IgnoreNotFound(err))
		return nil
	}
	return &secret
}

// URLIn is the URL that a Secret holds, empty when there is none.
func (s *Stage) URLIn(secretName string) string {
	s.T.Helper()
	if secret := s.Secret(secretName); secret != nil {
		return string(secret.Data[v1alpha1.SecretKeyURL])
	}
	return ""
}

// Ready waits until the session is ready.
func (s *Stage) Ready(name string) *v1alpha1.BillingSession {
	s.T.Helper()
	return s.Reaches(name, v1alpha1.ConditionReady, v1alpha1.ReasonIssued)
}

// Reaches waits until a condition of the session, for what it is today, has that reason, and
// the status that belongs to it: only Ready is ever false. Without a reason the condition is
// to be absent.
func (s *Stage) Reaches(name, kind, reason string) (session *v1alpha1.BillingSession) {
	s.T.Helper()
	status := metav1.ConditionTrue
	if kind == v1alpha1.ConditionReady && reason != v1alpha1.ReasonIssued {
		status = metav1.ConditionFalse
	}
	s.Eventually(fmt.Sprintf("session %s is %s=%s %s", name, kind, status, reason), func() string {
		session = s.Get(name)
		c := meta.FindStatusCondition(session.Status.Conditions, kind)
		reached := c == nil && reason == "" || c != nil && c.Status == status && c.Reason == reason
		return Unless(reached && session.Status.ObservedGeneration == session.Generation, fmt.Sprintf("%+v", session.Status))
	})
	return session
}

// Eventually waits until the condition names no problem any more.
func (s *Stage) Eventually(what string, condition func() (problem string)) {
	s.T.Helper()
	Eventually(s.T, what, condition)
}

// StartManager starts a manager that serves the stage, and waits until it is ready.
func (s *Stage) StartManager(args ...string) *Manager {
	s.T.Helper()
	m := s.LaunchManager(args...)
	s.Eventually("the manager is ready", m.Ready)
	return m
}

// LaunchManager starts a manager that serves the stage. Its log must hold no secret.
func (s *Stage) LaunchManager(args ...string) *Manager {
	s.T.Helper()
	m := LaunchManager(s.T, nil, append([]string{
		"--kubeconfig", s.Cluster.KubeconfigPath(),
		"--endpoint-url", s.URL + standin.Path,
		"--watch-namespaces", s.Namespace,
		"--log-format", "text", "--log-level", "debug",
	}, args...)...)
	s.T.Cleanup(func() {
		m.Kill()
		s.MustNotLeak("the manager's log", m.Out.String())
	})
	return m
}

// MustNotLeak holds that a text has no API key and no granted URL in it.
func (s *Stage) MustNotLeak(where, text string) {
	s.T.Helper()
	for _, secret := range []string{KeyPrefix, "index.html?t=", "index.html%3Ft"} {
		if at := strings.Index(text, secret); at >= 0 {
			s.T.Errorf("%s holds a secret: …%s", where, text[max(0, at-200):min(len(text), at+40)])
		}
	}
}
