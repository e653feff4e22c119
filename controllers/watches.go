package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
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
	indexSecretName = "secretName"
	indexKeySecret  = "apiKeySecretRef.name"
)

func indexSessions(indexer client.FieldIndexer) error {
	for index, nameOf := range map[string]func(*v1alpha1.BillingSession) string{
		indexSecretName: secretName,
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
			for _, request := range r.sessionsWith(ctx, e.Object.Namespace, indexSecretName, secretName(e.Object)) {
				q.Add(request)
			}
		},
	}
}

// sessionsOfMetadata are the sessions that name the Secret, as their key's or as
// their generated one.
func (r *Reconciler) sessionsOfMetadata(ctx context.Context, secret *metav1.PartialObjectMetadata) []reconcile.Request {
	return append(r.sessionsWith(ctx, secret.Namespace, indexKeySecret, secret.Name),
		r.sessionsWith(ctx, secret.Namespace, indexSecretName, secret.Name)...)
}

// forgetKeys lets go of the keys of a deleted Secret, also when no session names it
// any more.
type forgetKeys struct {
	handler.TypedEventHandler[*metav1.PartialObjectMetadata, reconcile.Request]
	keys *keyRing
}

// Delete implements handler.TypedEventHandler.
func (h forgetKeys) Delete(ctx context.Context, e event.TypedDeleteEvent[*metav1.PartialObjectMetadata],
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	h.keys.forget(client.ObjectKeyFromObject(e.Object))
	h.TypedEventHandler.Delete(ctx, e, queue)
}

// sessionsOfGenerated are the sessions that claim the generated Secret.
func (r *Reconciler) sessionsOfGenerated(ctx context.Context, secret *corev1.Secret) []reconcile.Request {
	return r.sessionsWith(ctx, secret.Namespace, indexSecretName, secret.Name)
}

func (r *Reconciler) sessionsWith(ctx context.Context, namespace, index, value string) []reconcile.Request {
	var sessions v1alpha1.BillingSessionList
	if err := r.Sessions.List(ctx, &sessions, client.InNamespace(namespace), client.MatchingFields{index: value},
		client.UnsafeDisableDeepCopy); err != nil {
		return nil // a cache that has started and is indexed does not fail
	}
	requests := make([]reconcile.Request, 0, len(sessions.Items))
	for i := range sessions.Items {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{
			Namespace: namespace, Name: sessions.Items[i].Name}})
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

// stripSecretMetadata keeps of a Secret who it is and whose.
func stripSecretMetadata(object any) (any, error) {
	if o, ok := object.(*metav1.PartialObjectMetadata); ok {
		o.ObjectMeta = metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion,
			OwnerReferences: o.OwnerReferences,
		}
	}
	return object, nil
}
