//go:build gitops

package controllers

import (
	"cmp"
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// collectGarbage deletes the generated Secrets of sessions that are gone, as a cluster's own
// controllers would. Flux deletes sessions in the background and Argo CD in the foreground: such a
// session stays until its Secret is gone.
func (s *site) collectGarbage(ctx context.Context) {
	for ctx.Err() == nil {
		var secrets corev1.SecretList
		_ = s.kube.List(ctx, &secrets, client.HasLabels{v1alpha1.LabelSession}) // the next look repeats what failed
		for _, secret := range secrets.Items {
			if s.ownerIsGone(ctx, &secret) {
				_ = s.kube.Delete(ctx, &secret, client.Preconditions{UID: &secret.UID})
			}
		}
		s.release(ctx)
		time.Sleep(500 * time.Millisecond) // the pace of looking
	}
}

func (s *site) ownerIsGone(ctx context.Context, secret *corev1.Secret) bool {
	if len(secret.OwnerReferences) != 1 {
		return false
	}
	owner := secret.OwnerReferences[0]
	var session v1alpha1.BillingSession
	err := s.kube.Get(ctx, client.ObjectKey{Namespace: secret.Namespace, Name: owner.Name}, &session)
	if client.IgnoreNotFound(err) != nil {
		return false
	}
	return session.UID != owner.UID || waitsForItsSecret(&session)
}

func waitsForItsSecret(session *v1alpha1.BillingSession) bool {
	return session.DeletionTimestamp != nil && controllerutil.ContainsFinalizer(session, metav1.FinalizerDeleteDependents)
}

// release ends the deletion of sessions whose Secret is gone.
func (s *site) release(ctx context.Context) {
	var sessions v1alpha1.BillingSessionList
	_ = s.kube.List(ctx, &sessions)
	for _, session := range sessions.Items {
		secret := client.ObjectKey{Namespace: session.Namespace, Name: cmp.Or(session.Status.SecretName, session.Name)}
		if waitsForItsSecret(&session) && apierrors.IsNotFound(s.kube.Get(ctx, secret, &corev1.Secret{})) {
			controllerutil.RemoveFinalizer(&session, metav1.FinalizerDeleteDependents)
			_ = s.kube.Update(ctx, &session)
		}
	}
}
