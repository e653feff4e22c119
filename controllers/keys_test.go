package controllers

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/builders"
)

// TestKeyOfADeletedSecretIsForgotten: also when no session asks for it any more.
func TestKeyOfADeletedSecretIsForgotten(t *testing.T) {
	t.Parallel()
	secret := builders.KeySecretOf("finance", "key", "123")
	secret.Data["other"] = []byte("456")
	stays := builders.KeySecretOf("finance", "stays", "789")
	live := fake.NewClientBuilder().WithObjects(secret, stays).Build()
	ring := newKeyRing(live)
	for _, ref := range []keyRef{
		{types.NamespacedName{Namespace: "finance", Name: "key"}, "api-key"},
		{types.NamespacedName{Namespace: "finance", Name: "key"}, "other"},
		{types.NamespacedName{Namespace: "finance", Name: "stays"}, "api-key"},
	} {
		if finding, err := ring.read(context.Background(), ref, keyVersion{uid: "wanted"}); err != nil || finding.state != renewal.KeyRead {
			t.Fatalf("%+v %v", finding, err)
		}
	}
	gone := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "finance", Name: "key"}}
	forgetKeys[*metav1.PartialObjectMetadata]{handler.TypedFuncs[*metav1.PartialObjectMetadata, reconcile.Request]{}, ring}.Delete(context.Background(), event.TypedDeleteEvent[*metav1.PartialObjectMetadata]{Object: gone}, nil)
	if len(ring.keys) != 1 {
		t.Errorf("%d Secrets are remembered, want 1", len(ring.keys))
	}
}
