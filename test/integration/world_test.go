package integration

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// cluster is the API server that all tests of this package share, each in a
// namespace of its own.
var cluster *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(runWithCluster(m))
}

// testsAtOnce is more than there are processors: these tests mostly wait.
const testsAtOnce = "8"

func runWithCluster(m *testing.M) int {
	flag.Parse()
	_ = flag.Set("test.parallel", testsAtOnce)
	ctrl.SetLogger(testLogs.logger())
	var err error
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{CRDDirs: []string{"../../config/crd/bases"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "no API server:", err)
		return 1
	}
	defer func() { _ = cluster.Stop() }()
	return m.Run()
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(s)
	_ = v1alpha1.AddToScheme(s)
	return s
}

// world is a namespace with its own stand-in of the endpoint, its own time and
// a controller that serves it. What holds always is watched in each of them.
type world struct {
	t         *testing.T
	namespace string
	key       string
	client    client.WithWatch
	clock     *runningClock
	standin   *standin.Server
	server    *httptest.Server
	// options are for the next controller that is run, and connection is how it
	// reaches the API server.
	options    controllers.Options
	connection *rest.Config
	calls      calls
	passes     *passes
	controller *runningController
	vigil      *vigil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := client.NewWithWatch(cluster.Config(), client.Options{Scheme: scheme()})
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("%08x", rand.Uint32())
	w := &world{
		t: t, client: c, clock: newRunningClock(t), namespace: "test-" + id, key: "key-of-the-group-" + id,
		options: controllers.Options{Concurrency: 4, Burst: 1}, connection: cluster.Config(),
	}
	w.standin = standin.New(standin.WithKeys(w.key), standin.WithClock(w.clock))
	w.server = httptest.NewServer(w.standin)
	t.Cleanup(w.server.Close)
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	w.keepVigil()
	return w
}

// newRunningWorld is a world whose key is in place and whose controller runs.
func newRunningWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.giveKey(w.key)
	w.run()
	return w
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), object); err != nil {
		w.t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

func (w *world) delete(object client.Object, options ...client.DeleteOption) {
	w.t.Helper()
	if err := w.client.Delete(w.t.Context(), object, options...); err != nil {
		w.t.Fatalf("delete %T %s: %v", object, object.GetName(), err)
	}
}

// giveKey creates or changes the Secret that sessions take their key from.
func (w *world) giveKey(value string) { w.giveKeyAs("key", value) }

func (w *world) giveKeyAs(name, value string) {
	w.t.Helper()
	secret := builders.KeySecretOf(w.namespace, name, value)
	if err := w.client.Update(w.t.Context(), secret.DeepCopy()); err == nil {
		return
	}
	w.create(secret)
}

func (w *world) session(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	w.t.Helper()
	session := builders.Session(name, append(differences, builders.In(w.namespace))...)
	w.create(session)
	return session
}

// issued creates a session and waits for its first URL. It lives for a day unless
// told otherwise, so that minutes pass without a renewal.
func (w *world) issued(name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	w.t.Helper()
	w.session(name, append([]func(*v1alpha1.BillingSession){builders.Expiration(86400)}, differences...)...)
	return w.waitFor(name, metav1.ConditionTrue, v1alpha1.ReasonIssued)
}

// edit changes a session by a patch of what differs.
func (w *world) edit(name string, change func(*v1alpha1.BillingSession)) {
	w.t.Helper()
	before := w.get(name)
	after := before.DeepCopy()
	change(after)
	if err := w.client.Patch(w.t.Context(), after, client.MergeFrom(before)); err != nil {
		w.t.Fatalf("edit session %s: %v", name, err)
	}
}

// editSecret changes a Secret, or fails the test if there is none.
func (w *world) editSecret(name string, change func(*corev1.Secret)) (version string) {
	w.t.Helper()
	before := w.secret(name)
	after := before.DeepCopy()
	change(after)
	if err := w.client.Patch(w.t.Context(), after, client.MergeFrom(before)); err != nil {
		w.t.Fatalf("edit Secret %s: %v", name, err)
	}
	return after.ResourceVersion
}

// requestRenewal asks for a fresh URL as people do.
func (w *world) requestRenewal(name, token string) {
	w.t.Helper()
	w.edit(name, builders.Annotated(v1alpha1.AnnotationRenewRequestedAt, token))
}

// passFloor lets the time pass in which a session cannot ask again: what would be
// asked for is not held up by it.
func (w *world) passFloor() {
	w.clock.Step(11 * time.Second)
	w.rest()
}

const patience = 60 * time.Second

// eventually waits until the condition says nothing more.
func (w *world) eventually(what string, condition func() string) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		problem := condition()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("%s: %s", what, problem)
		}
		time.Sleep(10 * time.Millisecond) // the pace of looking, not a bound
	}
}

func (w *world) get(name string) *v1alpha1.BillingSession {
	w.t.Helper()
	var session v1alpha1.BillingSession
	if err := w.client.Get(w.t.Context(), w.at(name), &session); err != nil {
		w.t.Fatal(err)
	}
	return &session
}

// secret is nil when there is none.
func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	var secret corev1.Secret
	if err := w.client.Get(w.t.Context(), w.at(name), &secret); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		w.t.Fatal(err)
	}
	return &secret
}

func (w *world) at(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: w.namespace, Name: name}
}

// waitFor waits until the session's Ready condition has the status and reason.
func (w *world) waitFor(name string, status metav1.ConditionStatus, reason string) *v1alpha1.BillingSession {
	w.t.Helper()
	var session *v1alpha1.BillingSession
	w.eventually(fmt.Sprintf("session %s Ready=%s %s", name, status, reason), func() string {
		session = w.get(name)
		ready := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionReady)
		if ready != nil && ready.Status == status && ready.Reason == reason && session.Status.ObservedGeneration == session.Generation {
			return ""
		}
		return fmt.Sprintf("%+v", session.Status)
	})
	return session
}

// waitForCondition waits until the condition is there with the reason, or absent
// when the reason is empty.
func (w *world) waitForCondition(name, kind, reason string) *v1alpha1.BillingSession {
	w.t.Helper()
	var session *v1alpha1.BillingSession
	w.eventually(fmt.Sprintf("session %s %s with reason %q", name, kind, reason), func() string {
		session = w.get(name)
		got := ""
		if c := meta.FindStatusCondition(session.Status.Conditions, kind); c != nil {
			got = c.Reason
		}
		if got == reason && session.Status.ObservedGeneration == session.Generation {
			return ""
		}
		return fmt.Sprintf("%+v", session.Status)
	})
	return session
}

// waitForRequests waits until the endpoint has seen that many, and holds that it
// does not see more once the controller rests.
func (w *world) waitForRequests(want int) {
	w.t.Helper()
	w.eventually(fmt.Sprintf("%d requests", want), func() string {
		if got := w.standin.Total(); got < want {
			return fmt.Sprintf("%d", got)
		}
		return ""
	})
	w.rest()
	if got := w.standin.Total(); got != want {
		w.t.Fatalf("%d requests, want %d", got, want)
	}
}

// waitForNewURL waits until the Secret holds another URL than before, and gives it.
func (w *world) waitForNewURL(secretName, before string) string {
	w.t.Helper()
	var now string
	w.eventually("another URL in Secret "+secretName, func() string {
		if now = w.urlIn(secretName); now != "" && now != before {
			return ""
		}
		return "still the same"
	})
	return now
}

// urlIn is the URL that a Secret holds, empty if there is none.
func (w *world) urlIn(secretName string) string {
	w.t.Helper()
	if secret := w.secret(secretName); secret != nil {
		return string(secret.Data[v1alpha1.SecretKeyURL])
	}
	return ""
}

// waitForURL waits until the Secret holds that URL.
func (w *world) waitForURL(secretName, want string) {
	w.t.Helper()
	w.eventually("the URL in Secret "+secretName, func() string {
		if w.urlIn(secretName) == want {
			return ""
		}
		return "another, or none"
	})
}
