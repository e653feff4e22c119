package controllers

import (
	"context"
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// TestCallsAreGroupedByKind: where a webhook for Secrets hangs, keys are read and statuses written.
func TestCallsAreGroupedByKind(t *testing.T) {
	t.Parallel()
	c := newCalls(8, clock.RealClock{}, nil)
	called := 0
	noteKind := func(want groupName) error {
		called++
		if _, ok := c.groups[want]; !ok || len(c.groups) != 1 {
			t.Errorf("%v are under way, want %v", c.groups, want)
		}
		return nil
	}
	reads, writes, statuses := groupName{"finance", readCall}, writesIn("finance"), groupName{"finance", statusWrite}
	under := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return noteKind(reads)
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return noteKind(reads)
		},
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			return noteKind(writes)
		},
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
			return noteKind(writes)
		},
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return noteKind(statuses)
		},
	})
	live, bounded := boundedReader{under, c}, boundedClient{under, c}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "finance", Name: "acme"}}
	err := errors.Join(
		live.Get(t.Context(), client.ObjectKeyFromObject(secret), secret),
		live.List(t.Context(), &corev1.SecretList{}, client.InNamespace("finance")),
		bounded.Create(t.Context(), secret),
		bounded.Update(t.Context(), secret),
		bounded.Status().Patch(t.Context(), secret, client.MergeFrom(secret)),
	)
	if err != nil || called != 5 {
		t.Errorf("%d of 5 calls were made: %v", called, err)
	}
}
