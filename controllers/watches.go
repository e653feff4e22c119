package controllers

import (
	"context"
	"fmt"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/secret"
)

// Indexes of sessions by the Secrets that they name.
const (
	// indexSecretName holds only the sessions whose generated Secret has another name than the
	// session. Most have the same name, and are found by it.
	indexSecretName = "secretName"
	indexKeySecret  = "apiKeySecretRef.name"
)

func indexSessions(indexer client.FieldIndexer) error {
	for index, namesOf := range map[string]func(*v1alpha1.BillingSession) []string{
		indexSecretName: otherSecretName,
		indexKeySecret:  func(session *v1alpha1.BillingSession) []string { return []string{session.Spec.APIKeySecretRef.Name} },
	} {
		err := indexer.IndexField(context.Background(), &v1alpha1.BillingSession{}, index, func(object client.Object) []string {
			return namesOf(object.(*v1alpha1.BillingSession)) //nolint:forcetypeassert // the index is of sessions
		})
		if err != nil {
			return fmt.Errorf("index sessions by %s: %w", index, err)
		}
	}
	return nil
}

func otherSecretName(session *v1alpha1.BillingSession) []string {
	if name := secret.NameFor(session); name != session.Name {
		return []string{name}
	}
	return nil
}

// claimantsByIndex finds the sessions that claim a Secret in the cache, which they share.
func claimantsByIndex(cached client.Reader) func(context.Context, types.NamespacedName) ([]v1alpha1.BillingSession, error) {
	return func(ctx context.Context, name types.NamespacedName) ([]v1alpha1.BillingSession, error) {
		namesake, err := getOrNil(ctx, cached, name, &v1alpha1.BillingSession{}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return nil, err
		}
		var claimants v1alpha1.BillingSessionList
		err = cached.List(ctx, &claimants, client.InNamespace(name.Namespace), client.MatchingFields{indexSecretName: name.Name},
			client.UnsafeDisableDeepCopy)
		if namesake != nil && secret.NameFor(namesake) == name.Name {
			claimants.Items = append(claimants.Items, *namesake)
		}
		return claimants.Items, err
	}
}

// notOwnWrite drops the events that show nothing but our own last write of a session. Each
// first issue and each renewal would otherwise take a pass more. An event without a change
// comes from a resync, and passes.
func (r *Reconciler) notOwnWrite() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, now := e.ObjectOld.GetResourceVersion(), e.ObjectNew
		session, ok := now.(*v1alpha1.BillingSession)
		if !ok || before == session.ResourceVersion {
			return true
		}
		local := r.local.find(client.ObjectKeyFromObject(session))
		return local == nil || local.uid != session.UID || !local.writes.session.shows(before, session)
	}}
}

// afterSession enqueues the sessions that claim the same Secret as a deleted session: one of
// them can have it now.
func (r *Reconciler) afterSession() handler.EventHandler {
	return handler.Funcs{
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			session, ok := e.Object.(*v1alpha1.BillingSession)
			if !ok {
				return
			}
			for _, request := range r.sessionsBySecretName(ctx, session.Namespace, secret.NameFor(session)) {
				queue.Add(request)
			}
		},
	}
}

// enqueueForSecret enqueues every session that refers to the changed Secret, as its API key
// or as its generated Secret, unless that shows nothing but our own last write.
func (r *Reconciler) enqueueForSecret() handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(ctx context.Context, q queue, object client.Object, isOwnWrite func(reconcile.Request) bool) {
		for _, request := range r.sessionsByKeySecret(ctx, client.ObjectKeyFromObject(object)) {
			q.Add(request)
		}
		for _, request := range r.sessionsBySecretName(ctx, object.GetNamespace(), object.GetName()) {
			if !isOwnWrite(request) {
				q.Add(request)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			enqueue(ctx, q, e.Object, r.isOwnWrite("", e.Object))
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			enqueue(ctx, q, e.ObjectNew, r.isOwnWrite(e.ObjectOld.GetResourceVersion(), e.ObjectNew))
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			enqueue(ctx, q, e.Object, func(reconcile.Request) bool { return false })
		},
	}
}

// isOwnWrite tells for which sessions an event shows nothing but our own last write of their
// Secret. The cache of metadata shows no Secret as we write it.
func (r *Reconciler) isOwnWrite(before string, now client.Object) func(reconcile.Request) bool {
	s, ok := now.(*corev1.Secret)
	return func(request reconcile.Request) bool {
		local := r.local.find(request.NamespacedName)
		return ok && before != s.ResourceVersion && local != nil && local.writes.generated.shows(before, s)
	}
}

// wakeup enqueues the session.
func (r *Reconciler) wakeup(session *v1alpha1.BillingSession) func() {
	return func() { r.woken.wake(client.ObjectKeyFromObject(session)) }
}

// sessionsBySecretName are the requests for the sessions whose generated Secret has that
// name.
func (r *Reconciler) sessionsBySecretName(ctx context.Context, namespace, name string) []reconcile.Request {
	sessions, err := r.reader.claimants(ctx, types.NamespacedName{Namespace: namespace, Name: name})
	if err != nil {
		return nil // a cache that has started and is indexed does not fail
	}
	return requestsFor(sessions)
}

// sessionsByKeySecret are the requests for the sessions whose key is in the Secret.
func (r *Reconciler) sessionsByKeySecret(ctx context.Context, name types.NamespacedName) []reconcile.Request {
	var sessions v1alpha1.BillingSessionList
	if err := r.client.List(ctx, &sessions, client.InNamespace(name.Namespace), client.MatchingFields{indexKeySecret: name.Name},
		client.UnsafeDisableDeepCopy); err != nil {
		return nil // as above
	}
	return requestsFor(sessions.Items)
}

func requestsFor(sessions []v1alpha1.BillingSession) []reconcile.Request {
	requests := make([]reconcile.Request, 0, len(sessions))
	for i := range sessions {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&sessions[i])})
	}
	return requests
}

// wakeSource enqueues the sessions whose turn to ask has come.
type wakeSource struct {
	queue atomic.Pointer[workqueue.TypedRateLimitingInterface[reconcile.Request]]
}

// Start implements source.Source.
func (s *wakeSource) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.queue.Store(&queue)
	return nil
}

// String is what the log calls it.
func (*wakeSource) String() string { return "sessions whose turn to ask has come" }

func (s *wakeSource) wake(name types.NamespacedName) {
	if queue := s.queue.Load(); queue != nil {
		(*queue).Add(reconcile.Request{NamespacedName: name})
	}
}
