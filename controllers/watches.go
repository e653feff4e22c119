package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/secret"
)

// indexSecrets finds sessions by the Secrets that they name: the one with the key, and the generated
// one if its name is not the session's own. An entry for each session would be a sixth of its memory.
const indexSecrets = "secrets"

func indexSessions(indexer client.FieldIndexer) error {
	err := indexer.IndexField(context.Background(), &v1alpha1.BillingSession{}, indexSecrets, namedSecrets)
	if err != nil {
		return fmt.Errorf("index sessions by their Secrets: %w", err)
	}
	return nil
}

func namedSecrets(object client.Object) []string {
	session, ok := object.(*v1alpha1.BillingSession)
	if !ok {
		return nil // the index is of sessions
	}
	names := []string{session.Spec.APIKeySecretRef.Name}
	if generated := secret.NameFor(session); generated != session.Name {
		names = append(names, generated)
	}
	return names
}

// naming are the sessions that name a Secret, as the one with their key or as their generated one.
// They are the cache's own, and must not be changed.
func (r *reader) naming(ctx context.Context, name types.NamespacedName) ([]v1alpha1.BillingSession, error) {
	var indexed v1alpha1.BillingSessionList
	err := r.cached.List(ctx, &indexed, client.InNamespace(name.Namespace), client.MatchingFields{indexSecrets: name.Name},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	ofSameName, err := getOrNil(ctx, r.cached, name, &v1alpha1.BillingSession{}, client.UnsafeDisableDeepCopy)
	if ofSameName == nil || secret.NameFor(ofSameName) != name.Name {
		return indexed.Items, err
	}
	return append(indexed.Items, *ofSameName), nil
}

// claimants are the sessions whose generated Secret has that name. They must not be changed, either.
func (r *reader) claimants(ctx context.Context, name types.NamespacedName) ([]v1alpha1.BillingSession, error) {
	sessions, err := r.naming(ctx, name)
	return slices.DeleteFunc(sessions, func(session v1alpha1.BillingSession) bool { return secret.NameFor(&session) != name.Name }), err
}

// afterSession enqueues the sessions that claim the same Secret as a deleted session: one of
// them can have it now.
func (r *Reconciler) afterSession() handler.EventHandler {
	claimants := handler.MapFunc(func(ctx context.Context, o client.Object) []reconcile.Request {
		session, ok := o.(*v1alpha1.BillingSession)
		if !ok {
			return nil // the watch is of sessions
		}
		sessions, _ := r.reader.claimants(ctx, generatedName(session)) // a cache that has started and is indexed does not fail
		return requestsFor(sessions)
	})
	return handler.Funcs{DeleteFunc: handler.EnqueueRequestsFromMapFunc(claimants).Delete}
}

// enqueueForSecret enqueues every session that refers to the changed Secret, as its API key
// or as its generated Secret.
func (r *Reconciler) enqueueForSecret() handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, s client.Object) []reconcile.Request {
		sessions, _ := r.reader.naming(ctx, client.ObjectKeyFromObject(s)) // as above
		return requestsFor(sessions)
	})
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
