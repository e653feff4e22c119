package integration

import (
	"context"
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
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// cluster is the API server that all tests of this package share, each in a
// namespace of its own.
var cluster *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(runWithCluster(m))
}

func runWithCluster(m *testing.M) int {
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
// a controller that serves it.
type world struct {
	t         *testing.T
	namespace string
	client    client.Client
	clock     *runningClock
	standin   *standin.Server
	server    *httptest.Server
	stop      func()
}

const apiKey = "key-of-the-group-123"

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := client.New(cluster.Config(), client.Options{Scheme: scheme()})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, client: c, clock: newRunningClock(t), namespace: fmt.Sprintf("test-%08x", rand.Uint32())}
	w.standin = standin.New(standin.WithKeys(apiKey), standin.WithClock(w.clock))
	w.server = httptest.NewServer(w.standin)
	t.Cleanup(w.server.Close)
	w.create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.namespace}})
	return w
}

// run starts a controller as the manager wires it, and stops it with the test.
func (w *world) run() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	mgr, err := w.manager(cluster.Config())
	if err != nil {
		w.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- mgr.Start(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the manager ended with: %v", err)
		}
	}
	w.t.Cleanup(w.stop)
}

func (w *world) manager(connection *rest.Config) (ctrl.Manager, error) {
	served := controllers.Options{Concurrency: 4, Burst: 1, NewQueue: w.queue}
	namespaces := map[string]cache.Config{w.namespace: {}}
	mgr, err := ctrl.NewManager(connection, ctrl.Options{
		Scheme:     scheme(),
		Cache:      cache.Options{DefaultNamespaces: namespaces, ByObject: controllers.SessionCache(served)},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		return nil, err
	}
	generated, err := controllers.NewGeneratedCache(connection, mgr.GetScheme(), namespaces)
	if err != nil {
		return nil, err
	}
	asker, err := endpoint.New(endpoint.Config{
		URL: w.server.URL + "/v1/billings/billing_ui", Timeout: 5 * time.Second, Clock: w.clock, UserAgent: "test",
	})
	if err != nil {
		return nil, err
	}
	reconciler := &controllers.Reconciler{
		Sessions: mgr.GetClient(), Live: mgr.GetAPIReader(), Endpoint: asker, Clock: w.clock,
		Events: mgr.GetEventRecorder("billing-operator"), Metrics: controllers.NewMetrics(prometheus.NewRegistry()),
	}
	return mgr, reconciler.SetupWithManager(mgr, generated, served)
}

// queue is the controller's, but lives by the world's clock.
func (w *world) queue(name string, limiter workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request] {
	return workqueue.NewTypedRateLimitingQueueWithConfig(limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
		Name: name, Clock: w.clock,
	})
}

func (w *world) create(object client.Object) {
	w.t.Helper()
	if err := w.client.Create(w.t.Context(), object); err != nil {
		w.t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// giveKey creates or changes the Secret that sessions take their key from.
func (w *world) giveKey(value string) {
	w.t.Helper()
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "key"},
		Data:       map[string][]byte{v1alpha1.DefaultAPIKeySecretKey: []byte(value)},
	}
	if err := w.client.Update(w.t.Context(), secret); err == nil {
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

const patience = 20 * time.Second

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
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &session); err != nil {
		w.t.Fatal(err)
	}
	return &session
}

func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	var secret corev1.Secret
	if err := w.client.Get(w.t.Context(), client.ObjectKey{Namespace: w.namespace, Name: name}, &secret); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return nil
		}
		w.t.Fatal(err)
	}
	return &secret
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
