package controllers

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Options are what an installation chooses.
type Options struct {
	// Concurrency is how many requests to the endpoint may be under way at once.
	Concurrency int
	// QPS and Burst limit the requests to the endpoint; no limit when QPS is zero.
	QPS   float64
	Burst int
	// SessionSelector limits the sessions that are kept to those with such labels.
	SessionSelector labels.Selector
	// NewQueue replaces the work queue; tests give it a clock of their own.
	NewQueue func(string, workqueue.TypedRateLimiter[reconcile.Request]) workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// SessionCache says what the manager's own cache is to hold: sessions, and of the
// Secrets that are not generated nothing but who they are.
func SessionCache(o Options) map[client.Object]cache.ByObject {
	sessions := cache.ByObject{Transform: stripManagedFields, Label: o.SessionSelector}
	return map[client.Object]cache.ByObject{
		&v1alpha1.BillingSession{}: sessions,
		newSecretMetadata():        {Transform: stripSecretMetadata, Label: labelledAsGenerated(selection.NotEquals)},
	}
}

// NewGeneratedCache is a cache of generated Secrets. It is one of its own since a
// cache selects by kind: the manager's own has all other Secrets, without what they hold.
func NewGeneratedCache(config *rest.Config, scheme *runtime.Scheme, namespaces map[string]cache.Config) (cache.Cache, error) {
	return cache.New(config, cache.Options{
		Scheme:            scheme,
		DefaultNamespaces: namespaces,
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {
			Label:     labelledAsGenerated(selection.Equals),
			Transform: stripManagedFields,
		}},
	})
}

// labelledAsGenerated selects Secrets by our label: what the two caches hold
// between them is all Secrets, and none twice.
func labelledAsGenerated(is selection.Operator) labels.Selector {
	requirement, err := labels.NewRequirement(v1alpha1.LabelManagedBy, is, []string{v1alpha1.ManagedBy})
	utilruntime.Must(err) // of constants
	return labels.NewSelector().Add(*requirement)
}

// SetupWithManager puts the reconciler, its caches and its watches into the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, generated cache.Cache, o Options) error {
	if err := indexSessions(mgr.GetFieldIndexer()); err != nil {
		return err
	}
	bell := &doorbell{}
	r.Generated = generated
	r.memory, r.keys = newMemory(), newKeyRing(r.Live)
	r.turns = newTurns(r.Clock, o.QPS, o.Burst, o.Concurrency, bell.ring)
	r.Metrics.watchQueue(r.turns.Waiting)
	c, err := controller.New("billingsession", mgr, controller.Options{
		Reconciler: r,
		// Half of the workers stay free for what needs no request, however slow the
		// endpoint is.
		MaxConcurrentReconciles: 2 * o.Concurrency,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](200*time.Millisecond, longestWriteRetry),
		NewQueue:                o.NewQueue,
		LogConstructor:          func(request *reconcile.Request) logr.Logger { return loggerFor(mgr.GetLogger(), request) },
		// In the priority queue the objects of the first list can starve behind timers.
		UsePriorityQueue: ptr.To(false),
		EnableWarmup:     ptr.To(true),
	})
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	for _, watched := range []source.Source{
		source.Kind(mgr.GetCache(), &v1alpha1.BillingSession{}, r.enqueueSession()),
		source.Kind(mgr.GetCache(), newSecretMetadata(), enqueueNaming[*metav1.PartialObjectMetadata](r)),
		source.Kind(generated, &corev1.Secret{}, enqueueNaming[*corev1.Secret](r)),
		bell,
	} {
		if err := c.Watch(watched); err != nil {
			return fmt.Errorf("set up a watch: %w", err)
		}
	}
	if err := fillCaches(mgr.GetCache(), generated); err != nil {
		return err
	}
	for _, runnable := range []manager.Runnable{cacheOfEveryReplica{generated}, r.turns} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("set up the manager: %w", err)
		}
	}
	return nil
}

// fillCaches names what the caches are to hold, so that they are filled before
// anything waits for them, also on a replica that stands by.
func fillCaches(sessions, generated cache.Cache) error {
	for object, in := range map[client.Object]cache.Cache{
		&v1alpha1.BillingSession{}: sessions,
		newSecretMetadata():        sessions,
		&corev1.Secret{}:           generated,
	} {
		if _, err := in.GetInformer(context.Background(), object); err != nil {
			return fmt.Errorf("set up a cache: %w", err)
		}
	}
	return nil
}

// cacheOfEveryReplica is started by the manager together with its own cache.
type cacheOfEveryReplica struct{ cache.Cache }

// GetCache makes the manager take it for what has a cache.
func (c cacheOfEveryReplica) GetCache() cache.Cache { return c.Cache }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (cacheOfEveryReplica) NeedLeaderElection() bool { return false }

// loggerFor names the session in each line, once.
func loggerFor(log logr.Logger, request *reconcile.Request) logr.Logger {
	if request == nil {
		return log
	}
	return log.WithValues("namespace", request.Namespace, "name", request.Name)
}

// doorbell puts sessions into the controller's queue once that exists.
type doorbell struct {
	queue atomic.Pointer[workqueue.TypedRateLimitingInterface[reconcile.Request]]
}

// Start implements source.Source.
func (b *doorbell) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	b.queue.Store(&queue)
	return nil
}

// String is what the log calls it.
func (b *doorbell) String() string { return "sessions whose turn to ask has come" }

func (b *doorbell) ring(name types.NamespacedName) {
	if queue := b.queue.Load(); queue != nil {
		(*queue).Add(reconcile.Request{NamespacedName: name})
	}
}
