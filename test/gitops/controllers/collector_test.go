package controllers

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// collectGarbage deletes the generated Secrets of sessions that are gone, as a cluster's own
// controllers would.
func collectGarbage(ctx context.Context) {
	for ctx.Err() == nil {
		var secrets corev1.SecretList
		if err := kube.List(ctx, &secrets, client.HasLabels{v1alpha1.LabelSession}); err == nil {
			for _, secret := range secrets.Items {
				if ownerIsGone(ctx, &secret) {
					_ = kube.Delete(ctx, &secret, client.Preconditions{UID: &secret.UID})
				}
			}
		}
		time.Sleep(500 * time.Millisecond) // the pace of looking
	}
}

func ownerIsGone(ctx context.Context, secret *corev1.Secret) bool {
	if len(secret.OwnerReferences) != 1 {
		return false
	}
	owner := secret.OwnerReferences[0]
	var session v1alpha1.BillingSession
	err := kube.Get(ctx, client.ObjectKey{Namespace: secret.Namespace, Name: owner.Name}, &session)
	return client.IgnoreNotFound(err) == nil && session.UID != owner.UID
}
