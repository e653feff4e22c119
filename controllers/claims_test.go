package controllers

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/test/env/builders"
)

func inFinance(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "finance", Name: name}
}

// TestClaims goes through the life of claims, each step on what the former ones left.
func TestClaims(t *testing.T) {
	t.Parallel()
	var woken []types.NamespacedName
	c := newClaims(func(session types.NamespacedName) { woken = append(woken, session) })
	shared, elsewhere, a, b, d := inFinance("shared"), inFinance("elsewhere"), inFinance("a"), inFinance("b"), inFinance("d")
	for _, step := range []struct {
		why   string
		do    func() claimResult
		want  claimResult
		wakes []types.NamespacedName
	}{
		{"the first session has it", func() claimResult { return c.claim(shared, a) }, claimed, nil},
		{"also when it asks again", func() claimResult { return c.claim(shared, a) }, claimed, nil},
		{"the next one waits", func() claimResult { return c.claim(shared, b) }, claimedByOther, nil},
		{"it is woken once, however often it comes", func() claimResult { return c.claim(shared, b) }, claimedByOther, nil},
		{"another Secret is free", func() claimResult { return c.claim(elsewhere, d) }, claimed, nil},
		{"who waits settles nothing", func() claimResult { c.settle(b); return c.claim(shared, b) }, claimedByOther, nil},
		{"the end wakes who waits", func() claimResult { c.settle(a); return claimed }, claimed, []types.NamespacedName{b}},
		{"nobody is woken twice", func() claimResult { c.settle(a); return claimed }, claimed, nil},
		{"who comes second must look at the Secret", func() claimResult { return c.claim(shared, b) }, claimedAfter, nil},
		{"the former one waits then", func() claimResult { return c.claim(shared, a) }, claimedByOther, nil},
		{"its own end is not the other's", func() claimResult { c.settle(a); return c.claim(shared, a) }, claimedByOther, nil},
		{"deletion wakes who waits", func() claimResult { c.release(b); return c.claim(shared, a) }, claimed, []types.NamespacedName{a}},
		{"the name of a session that is gone may claim another Secret", func() claimResult {
			c.release(d)
			return c.claim(inFinance("third"), d)
		}, claimed, nil},
		{"also when nobody saw it go", func() claimResult { return c.claim(elsewhere, d) }, claimed, nil},
	} {
		woken = nil
		if got := step.do(); got != step.want {
			t.Errorf("%s: %d, want %d", step.why, got, step.want)
		}
		if diff := cmp.Diff(step.wakes, woken); diff != "" {
			t.Errorf("%s: woken (-want +got):\n%s", step.why, diff)
		}
	}
	for _, session := range []types.NamespacedName{a, b, d} {
		c.release(session)
	}
	if len(c.bySecret)+len(c.bySession) > 0 {
		t.Errorf("claims of sessions that are gone are kept: %v %v", c.bySecret, c.bySession)
	}
}

// TestTwinThatLookedBeforeTheOtherStored has one session's whole pass happen between the other's
// look for the Secret and its request.
func TestTwinThatLookedBeforeTheOtherStored(t *testing.T) {
	t.Parallel()
	r, store := newBenchReconciler(2)
	for _, name := range []string{"session-0", "session-1"} {
		builders.SecretName("shared")(store.sessions[inFinance(name)])
	}
	counted := &counting{Endpoint: r.endpoint}
	r.endpoint = counted
	reconcile := func(name string) {
		if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: inFinance(name)}); err != nil {
			t.Error(err)
		}
	}
	r.reader.cached = &beforeKeyIsLookedFor{store, func() { reconcile("session-0") }}
	reconcile("session-1")
	reconcile("session-0")
	if counted.requests != 1 {
		t.Errorf("%d requests, want one between the two", counted.requests)
	}
	if owners := store.secrets[inFinance("shared")].OwnerReferences; len(owners) != 1 || owners[0].Name != "session-0" {
		t.Errorf("the Secret is not of the session that wrote it: %v", owners)
	}
}

type counting struct {
	Endpoint
	requests int
}

func (c *counting) IssueURL(ctx context.Context, request endpoint.Request) (endpoint.Grant, error) {
	c.requests++
	return c.Endpoint.IssueURL(ctx, request)
}

// beforeKeyIsLookedFor is a store in which something happens once, just before the metadata of the
// key's Secret is read.
type beforeKeyIsLookedFor struct {
	*memoryStore
	happens func()
}

func (s *beforeKeyIsLookedFor) Get(ctx context.Context, name types.NamespacedName, into client.Object, options ...client.GetOption) error {
	if _, isSecret := into.(*corev1.Secret); name.Name == "key" && !isSecret && s.happens != nil {
		happens := s.happens
		s.happens = nil
		happens()
	}
	return s.memoryStore.Get(ctx, name, into, options...)
}
