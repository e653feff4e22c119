package e2e

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// keyOf is the API key of a session; each has its own, so that the stand-in can tell
// who asked.
func keyOf(namespace, session string) string { return "key-of-" + namespace + "-" + session }

// declare applies a session and its key.
func declare(t *testing.T, namespace, name string, differences ...func(*v1alpha1.BillingSession)) *v1alpha1.BillingSession {
	t.Helper()
	session := builders.Session(name, append(differences, builders.In(namespace), builders.KeySecret(name+"-key"))...)
	create(t, builders.KeySecretOf(namespace, name+"-key", keyOf(namespace, name)), session)
	return session
}

// issued waits until a session is ready, and returns its URL.
func issued(t *testing.T, session *v1alpha1.BillingSession) string {
	t.Helper()
	reaches(t, session, v1alpha1.ConditionReady, v1alpha1.ReasonIssued)
	return urlIn(t, session)
}

// reaches waits until a condition is true for a reason.
func reaches(t *testing.T, session *v1alpha1.BillingSession, condition, reason string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %s for %s", session.Name, condition, reason), func(ctx context.Context) error {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(session), session); err != nil {
			return err
		}
		found := meta.FindStatusCondition(session.Status.Conditions, condition)
		if found == nil || condition != v1alpha1.ConditionReady && found.Status != "True" || found.Reason != reason || session.Status.ObservedGeneration != session.Generation {
			return fmt.Errorf("its conditions are %+v", session.Status.Conditions)
		}
		return nil
	})
}

func urlIn(t *testing.T, session *v1alpha1.BillingSession) string {
	t.Helper()
	var secret corev1.Secret
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(session), &secret); err != nil {
		t.Fatal(err)
	}
	return string(secret.Data["url"])
}

// patch changes a session as people do, who do not know what others change.
func patch(t *testing.T, session *v1alpha1.BillingSession, differ func(*v1alpha1.BillingSession)) {
	t.Helper()
	before := session.DeepCopy()
	differ(session)
	if err := cluster.Patch(t.Context(), session, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}
