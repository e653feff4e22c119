package controllers

import (
	"context"
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/secret"
)

// Indexes of sessions by the Secrets that they name.
const (
	indexSecretName = "secretName"
	indexKeySecret  = "apiKeySecretRef.name"
)

func indexSessions(indexer client.FieldIndexer) error {
	for index, nameOf := range map[string]func(*v1alpha1.BillingSession) string{
		indexSecretName: secret.NameFor,
		indexKeySecret:  func(session *v1alpha1.BillingSession) string { return session.Spec.APIKeySecretRef.Name },
	} {
		err := indexer.IndexField(context.Background(), &v1alpha1.BillingSession{}, index, func(object client.Object) []string {
			return []string{nameOf(object.(*v1alpha1.BillingSession))} //nolint:forcetypeassert // the index is of sessions
		})
		if err != nil {
			return fmt.Errorf("index sessions by %s: %w", index, err)
		}
	}
	return nil
}

// claimants are the sessions that claim a Secret's name. They are the cache's own, and must not be
// changed.
func (r *reader) claimants(ctx context.Context, name types.NamespacedName) ([]v1alpha1.BillingSession, error) {
	var claimants v1alpha1.BillingSessionList
	err := r.cached.List(ctx, &claimants, client.InNamespace(name.Namespace), client.MatchingFields{indexSecretName: name.Name},
		client.UnsafeDisableDeepCopy)
	return claimants.Items, err
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
// or as its generated Secret.
func (r *Reconciler) enqueueForSecret() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, s client.Object) []reconcile.Request {
		return append(r.sessionsByKeySecret(ctx, client.ObjectKeyFromObject(s)), r.sessionsBySecretName(ctx, s.GetNamespace(), s.GetName())...)
	})
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

// wakeSource enqueues the sessions that may go on: their turn to ask has come, or there is a place
// for their passes.
type wakeSource struct {
	queue atomic.Pointer[workqueue.TypedRateLimitingInterface[reconcile.Request]]
}

// Start implements source.Source.
func (s *wakeSource) Start(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	s.queue.Store(&queue)
	return nil
}

// String is what the log calls it.
func (*wakeSource) String() string { return "sessions that may go on" }

func (s *wakeSource) wake(name types.NamespacedName) {
	if queue := s.queue.Load(); queue != nil {
		(*queue).Add(reconcile.Request{NamespacedName: name})
	}
}
