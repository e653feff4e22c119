package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

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

// Cached is what the manager's cache holds: sessions, and of Secrets metadata only. So no cache
// holds a URL or a key.
func (o Options) Cached() map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&v1alpha1.BillingSession{}: {Transform: stripSession, Label: o.SessionSelector},
		newSecretMetadata():        {Transform: stripSecret},
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

// SetupWithManager adds the reconciler and its watches to the manager.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	if err := indexSessions(mgr.GetFieldIndexer()); err != nil {
		return err
	}
	r.metrics.RegisterQueueLength(r.dispatcher.Len)
	r.metrics.RegisterWaiting(mgr.Elected(), r.dispatcher.WaitingByNamespace)
	options.LogConstructor = func(request *reconcile.Request) logr.Logger { return loggerFor(mgr.GetLogger(), request) }
	err := ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.BillingSession{}, builder.WithPredicates(isDeclaredAnew)).
		Watches(&v1alpha1.BillingSession{}, r.afterSession()).
		Watches(newSecretMetadata(), r.enqueueForSecret()).
		WatchesRawSource(r.woken).
		WithOptions(options).
		Complete(r)
	if err != nil {
		return fmt.Errorf("set up the controller: %w", err)
	}
	if err := fillCache(mgr.GetCache()); err != nil {
		return err
	}
	if err := mgr.Add(r.dispatcher); err != nil {
		return fmt.Errorf("set up the manager: %w", err)
	}
	return nil
}

// isDeclaredAnew drops events that show only another status, which are mostly our own writes.
var isDeclaredAnew = predicate.Or[client.Object](predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{})

// fillCache creates the informers of the cache, so that it is full before anything waits for it,
// on standby replicas too.
func fillCache(c cache.Cache) error {
	for _, object := range []client.Object{&v1alpha1.BillingSession{}, newSecretMetadata()} {
		if _, err := c.GetInformer(context.Background(), object); err != nil {
			return fmt.Errorf("set up the cache: %w", err)
		}
	}
	return nil
}

// loggerFor names the session in each line, once.
func loggerFor(log logr.Logger, request *reconcile.Request) logr.Logger {
	if request == nil {
		return log
	}
	return log.WithValues("namespace", request.Namespace, "name", request.Name)
}
