package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
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
}

// SessionCache is what the manager's own cache holds: sessions, and the identity of the
// Secrets that are not generated.
func (o Options) SessionCache() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&v1alpha1.BillingSession{}: {Transform: stripSession, Label: o.SessionSelector},
		newSecretMetadata():        {Transform: stripSecretMetadata, Label: labelledAsGenerated(selection.NotEquals)},
	}
}

// places is how many passes may be under way at once, besides those that came with a turn to ask.
// A pass that hangs costs a worker and one of the about 245 seats that an API server has for all
// service accounts together, so there are many, but not more.
func (o Options) places() int { return 6 * o.Concurrency }

// workers is how many workers there are: one for each place, and one for each turn to ask. So a
// session whose turn has come finds a worker although passes hang in all places.
func (o Options) workers() int { return o.places() + o.Concurrency }

// Controller are controller-runtime's options for a Reconciler.
func (o Options) Controller() controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: o.workers(),
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](200*time.Millisecond, maxWriteRetry),
		// In the priority queue the objects of the first list can starve behind timers.
		UsePriorityQueue: ptr.To(false),
		EnableWarmup:     ptr.To(true),
	}
}

// NewSecretCache is a cache of generated Secrets. It is separate from the manager's, as a
// cache selects by kind: the manager's has the identity of all other Secrets.
func NewSecretCache(config *rest.Config, scheme *runtime.Scheme, namespaces map[string]cache.Config) (cache.Cache, error) {
	return cache.New(config, cache.Options{
		Scheme:            scheme,
		DefaultNamespaces: namespaces,
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {
			Label:     labelledAsGenerated(selection.Equals),
			Transform: stripSecret,
		}},
	})
}

// labelledAsGenerated selects Secrets by our label. Between them the two caches hold all
// Secrets, and none twice.
func labelledAsGenerated(is selection.Operator) labels.Selector {
	requirement, err := labels.NewRequirement(v1alpha1.LabelManagedBy, is, []string{v1alpha1.ManagedBy})
	utilruntime.Must(err) // of constants
	return labels.NewSelector().Add(*requirement)
}

// SetupWithManager adds the reconciler and its watches to the manager. secrets is the cache
// of generated Secrets, which the manager will start.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, secrets cache.Cache, options controller.Options) error {
	if err := indexSessions(mgr.GetFieldIndexer()); err != nil {
		return err
	}
	r.metrics.RegisterQueueLength(r.dispatcher.Len)
	r.metrics.RegisterWaiting(mgr.Elected(), r.dispatcher.WaitingByNamespace)
	options.LogConstructor = func(request *reconcile.Request) logr.Logger { return loggerFor(mgr.GetLogger(), request) }
	secretMetadata := newSecretMetadata()
	err := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.BillingSession{}, builder.WithPredicates(isDeclaredAnew)).
		Watches(&v1alpha1.BillingSession{}, r.afterSession()).
		Watches(secretMetadata, r.enqueueForSecret()).
		WatchesRawSource(source.Kind[client.Object](secrets, &corev1.Secret{}, r.enqueueForSecret())).
		WatchesRawSource(r.woken).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	if err := fillCaches(mgr.GetCache(), secrets); err != nil {
		return err
	}
	for _, runnable := range []manager.Runnable{startedWithCaches{secrets}, r.dispatcher} {
		if err := mgr.Add(runnable); err != nil {
			return fmt.Errorf("set up the manager: %w", err)
		}
	}
	return nil
}

// isDeclaredAnew drops events that show only another status, which are mostly our own writes.
var isDeclaredAnew = predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})

// fillCaches creates the informers of the caches, so that these are full before anything
// waits for them, on standby replicas too.
func fillCaches(sessions, secrets cache.Cache) error {
	for object, in := range map[client.Object]cache.Cache{
		&v1alpha1.BillingSession{}: sessions,
		newSecretMetadata():        sessions,
		&corev1.Secret{}:           secrets,
	} {
		if _, err := in.GetInformer(context.Background(), object); err != nil {
			return fmt.Errorf("set up a cache: %w", err)
		}
	}
	return nil
}

// startedWithCaches makes the manager start this cache before any controller, on standby
// replicas too. The manager recognises it by its GetCache method.
type startedWithCaches struct{ cache.Cache }

// GetCache is how the manager recognises a cache.
func (c startedWithCaches) GetCache() cache.Cache { return c.Cache }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (startedWithCaches) NeedLeaderElection() bool { return false }

// loggerFor names the session in each line, once.
func loggerFor(log logr.Logger, request *reconcile.Request) logr.Logger {
	if request == nil {
		return log
	}
	return log.WithValues("namespace", request.Namespace, "name", request.Name)
}
