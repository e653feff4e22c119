package controllers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Indexes of sessions by the Secrets that they name.
const (
	// indexSecretName has the sessions whose generated Secret has another name than
	// they have themselves: most have the same, and are found by it.
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
	if name := secretName(session); name != session.Name {
		return []string{name}
	}
	return nil
}

// claimants are the sessions that claim the Secret.
func (r *Reconciler) claimants(ctx context.Context, secret types.NamespacedName) ([]v1alpha1.BillingSession, error) {
	namesake, err := getOrNil(ctx, r.Sessions, secret, &v1alpha1.BillingSession{})
	if err != nil {
		return nil, err
	}
	var claims v1alpha1.BillingSessionList
	err = r.Sessions.List(ctx, &claims, client.InNamespace(secret.Namespace), client.MatchingFields{indexSecretName: secret.Name})
	if namesake != nil && secretName(namesake) == secret.Name {
		claims.Items = append(claims.Items, *namesake)
	}
	return claims.Items, err
}

// enqueueSession brings a session before a worker whenever it changes. When one is
// deleted, those that claim the same Secret may have their turn.
func (r *Reconciler) enqueueSession() handler.TypedEventHandler[*v1alpha1.BillingSession, reconcile.Request] {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(session *v1alpha1.BillingSession, q queue) {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(session)})
	}
	return handler.TypedFuncs[*v1alpha1.BillingSession, reconcile.Request]{
		CreateFunc: func(_ context.Context, e event.TypedCreateEvent[*v1alpha1.BillingSession], q queue) { add(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.TypedUpdateEvent[*v1alpha1.BillingSession], q queue) {
			add(e.ObjectNew, q)
		},
		DeleteFunc: func(ctx context.Context, e event.TypedDeleteEvent[*v1alpha1.BillingSession], q queue) {
			add(e.Object, q)
			for _, request := range r.claiming(ctx, e.Object.Namespace, secretName(e.Object)) {
				q.Add(request)
			}
		},
	}
}

// enqueueNaming brings the sessions before a worker that name a Secret, as their
// key's or as their generated one, whenever that changes. It lets go of the keys of a
// deleted Secret, also when no session names it any more.
func enqueueNaming[S client.Object](r *Reconciler) handler.TypedEventHandler[S, reconcile.Request] {
	naming := handler.TypedEnqueueRequestsFromMapFunc(func(ctx context.Context, secret S) []reconcile.Request {
		return append(r.asking(ctx, secret.GetNamespace(), secret.GetName()), r.claiming(ctx, secret.GetNamespace(), secret.GetName())...)
	})
	return forgetKeys[S]{naming, r.keys}
}

type forgetKeys[S client.Object] struct {
	handler.TypedEventHandler[S, reconcile.Request]
	keys *keyRing
}

// Delete implements handler.TypedEventHandler.
func (h forgetKeys[S]) Delete(ctx context.Context, e event.TypedDeleteEvent[S], queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	h.keys.forget(client.ObjectKeyFromObject(e.Object))
	h.TypedEventHandler.Delete(ctx, e, queue)
}

// claiming are the requests for the sessions whose generated Secret has that name.
func (r *Reconciler) claiming(ctx context.Context, namespace, secret string) []reconcile.Request {
	sessions, err := r.claimants(ctx, types.NamespacedName{Namespace: namespace, Name: secret})
	if err != nil {
		return nil // a cache that has started and is indexed does not fail
	}
	return requestsFor(sessions)
}

// asking are the requests for the sessions whose key is in the Secret of that name.
func (r *Reconciler) asking(ctx context.Context, namespace, secret string) []reconcile.Request {
	var sessions v1alpha1.BillingSessionList
	if err := r.Sessions.List(ctx, &sessions, client.InNamespace(namespace), client.MatchingFields{indexKeySecret: secret},
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

// stripManagedFields keeps what nobody here reads out of the caches.
func stripManagedFields(object any) (any, error) {
	if o, ok := object.(metav1.Object); ok {
		o.SetManagedFields(nil)
	}
	return object, nil
}

// stripSecretMetadata keeps of a Secret who it is.
func stripSecretMetadata(object any) (any, error) {
	if o, ok := object.(*metav1.PartialObjectMetadata); ok {
		o.ObjectMeta = metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion,
		}
	}
	return object, nil
}
