package controllers

import (
	"context"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// TestFence has an object written in version 5 a while ago, and a cache that shows some version.
func TestFence(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, row := range []struct {
		why      string
		shown    string
		ago      time.Duration
		isBehind bool
		live     bool
	}{
		{"the cache shows it", "5", 0, false, false},
		{"or what came after it", "6", 0, false, false},
		{"it has not come yet", "4", 0, true, false},
		{"watches may lag for seconds", "4", maxCacheLag - 1, true, false},
		{"but not for ever", "4", maxCacheLag, false, true},
		{"nor does the clock that was set back hold it up", "4", -time.Hour, false, true},
		{"what is new is not there yet", "", 0, true, false},
		{"or was deleted", "", maxAbsence, false, true},
	} {
		var f fence
		f.wrote("5", now.Add(-row.ago))
		if live, err := f.check(row.shown, now); (err != nil) != row.isBehind || live != row.live {
			t.Errorf("%s: read live %t, error %v", row.why, live, err)
		}
		if live, err := f.check("4", now); (live || err != nil) != (row.isBehind || row.live) {
			t.Errorf("%s: once it was shown, nothing is waited for", row.why)
		}
	}
}

// TestNothingIsDecidedOnACacheThatIsBehind our own last write. Whatever it shows, the URL that was
// just issued is neither asked for again nor taken for gone.
func TestNothingIsDecidedOnACacheThatIsBehind(t *testing.T) {
	for what, stale := range map[string]func(*staleStore){
		"the Secret": func(cache *staleStore) { cache.hidesSecret = true },
		"the status": func(cache *staleStore) { cache.session = cache.sessions[inFinance("session-0")].DeepCopy() },
	} {
		t.Run(what, func(t *testing.T) {
			s := newWaitStage(t)
			counted := &counting{Endpoint: s.r.endpoint}
			s.r.endpoint = counted
			cache := &staleStore{memoryStore: s.store}
			stale(cache)
			s.r.reader.cached = cache
			s.reconcile()
			written := s.store.writes
			for until := s.clock.Now().Add(2 * maxCacheLag); s.clock.Now().Before(until); { // in between it is read live
				result, err := s.r.Reconcile(t.Context(), ctrl.Request{NamespacedName: s.name()})
				if err != nil || result.RequeueAfter == 0 {
					t.Fatalf("looks again after %v (%v)", result.RequeueAfter, err)
				}
				s.clock.Step(min(result.RequeueAfter, cacheRetry))
			}
			if counted.requests != 1 || s.store.writes != written {
				t.Errorf("%d requests, %d more writes", counted.requests, s.store.writes-written)
			}
		})
	}
}

// staleStore shows a session, or no generated Secret, as it was before.
type staleStore struct {
	*memoryStore
	session     *v1alpha1.BillingSession
	hidesSecret bool
}

func (s *staleStore) Get(ctx context.Context, name types.NamespacedName, into client.Object, options ...client.GetOption) error {
	switch into := into.(type) {
	case *v1alpha1.BillingSession:
		if s.session != nil {
			s.session.DeepCopyInto(into)
			return nil
		}
	case *metav1.PartialObjectMetadata:
		if s.hidesSecret && name == inFinance("session-0") {
			return apierrors.NewNotFound(schema.GroupResource{}, name.Name)
		}
	}
	return s.memoryStore.Get(ctx, name, into, options...)
}
