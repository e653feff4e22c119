package controllers

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

const (
	// fought is how many generated Secrets somebody else changes, and fightLasts for how long.
	fought     = 50
	fightLasts = 10 * time.Minute
	// fightPace is how often he changes one that is not put right yet. He also does so at once
	// after each time that it is.
	fightPace = 10 * time.Second
)

// TestWhoFightsOverManySecretsCostsLittle has somebody change 50 Secrets as fast as he can. What
// that costs is counted against the waits that are documented: twice a minute at once, then
// after one second, doubling to a minute.
func TestWhoFightsOverManySecretsCostsLittle(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		by     string
		change func(*corev1.Secret)
	}{
		{"another URL", func(s *corev1.Secret) { s.Data["url"] = []byte("https://api.example/theirs") }},
		{"another label", func(s *corev1.Secret) { s.Labels["team"] = "theirs" }},
		{"a digest as of a later version", func(s *corev1.Secret) { s.Annotations["billing.xtracta.com/digest"] = "v2:theirs" }},
		{"nothing that is left of it", nil},
	} {
		for _, shown := range []v1alpha1.URLInStatus{v1alpha1.URLInStatusFull, v1alpha1.URLInStatusHidden} {
			t.Run(row.by+"/"+string(shown), func(t *testing.T) {
				t.Parallel()
				f := newFight(t, row.change, shown)
				for ends := f.clock.Now().Add(fightLasts); f.clock.Now().Before(ends); f.clock.Step(100 * time.Millisecond) {
					for i := range fought {
						if !f.clock.Now().Before(f.next[i]) {
							f.changeAsFastAsItIsPutRight(i)
						}
					}
				}
				f.expectBounds(shown)
			})
		}
	}
}

// maxRestores is how often one Secret is put right in that time at most.
func maxRestores() int {
	restores := 2
	for at, wait := time.Duration(0), time.Second; at+wait <= fightLasts; wait = min(2*wait, time.Minute) {
		at += wait
		restores++
	}
	return restores
}

type fight struct {
	t        *testing.T
	r        *Reconciler
	store    *talliedStore
	clock    *clocktesting.FakeClock
	endpoint *counting
	change   func(*corev1.Secret)
	// next is when each session is looked at again.
	next  [fought]time.Time
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

func newFight(t *testing.T, change func(*corev1.Secret), shown v1alpha1.URLInStatus) *fight {
	t.Helper()
	r, store := newMemoryReconciler(fought, Options{Concurrency: fought})
	f := &fight{t: t, r: r, store: &talliedStore{memoryStore: store}, clock: r.clock.(*clocktesting.FakeClock), change: change}
	f.endpoint = &counting{Endpoint: r.endpoint}
	r.endpoint = f.endpoint
	r.client = client.WithFieldOwner(f.store, fieldManager)
	f.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	f.queue.ShutDown() // each Secret that was changed is looked at anyway
	for i := range fought {
		session := store.sessions[f.named(i)]
		session.Spec.ExpirationSeconds = 86400
		builders.URLInStatus(shown)(session)
		builders.Template(map[string]v1alpha1.LabelValue{"team": "ours"}, nil)(session)
		f.reconcile(i)
	}
	f.endpoint.requests, f.store.tally = 0, tally{}
	return f
}

func (f *fight) named(i int) types.NamespacedName { return inFinance("session-" + strconv.Itoa(i)) }

func (f *fight) reconcile(i int) {
	f.t.Helper()
	ctx := ctrl.LoggerInto(f.t.Context(), logr.Discard())
	result, err := f.r.Reconcile(ctx, ctrl.Request{NamespacedName: f.named(i)})
	if err != nil {
		f.t.Fatal(err)
	}
	f.next[i] = f.clock.Now().Add(min(result.RequeueAfter, fightPace))
}

// changeAsFastAsItIsPutRight changes a Secret until the reconciler leaves it so.
func (f *fight) changeAsFastAsItIsPutRight(i int) {
	f.t.Helper()
	for restored := true; restored; {
		f.changeSecret(f.named(i))
		before := f.store.tally.secrets
		f.reconcile(i)
		restored = f.store.tally.secrets > before
		if f.store.tally.secrets > fought*maxRestores() {
			f.t.Fatalf("it is put right again and again: %+v", f.store.tally)
		}
	}
}

// changeSecret changes a Secret, and says so as a watch does.
func (f *fight) changeSecret(name types.NamespacedName) {
	before := f.store.secrets[name]
	switch {
	case before == nil: // it was deleted, and not put right
	case f.change == nil:
		delete(f.store.secrets, name)
		f.r.enqueueForSecret().Delete(f.t.Context(), event.DeleteEvent{Object: before}, f.queue)
	default:
		after := before.DeepCopy()
		f.change(after)
		f.store.add(after)
		f.r.enqueueForSecret().Update(f.t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, f.queue)
	}
}

func (f *fight) expectBounds(shown v1alpha1.URLInStatus) {
	f.t.Helper()
	got, restores := f.store.tally, fought*maxRestores()
	got.requests = f.endpoint.requests
	f.t.Logf("%d Secrets in %s, put right %d times at most: %+v", fought, fightLasts, restores, got)
	// The status says that somebody else changes the Secret, and that it is put right. While
	// the URL is hidden, it also says that there is none.
	most := tally{secrets: restores, statuses: 2 * restores}
	if shown == v1alpha1.URLInStatusHidden {
		most = tally{secrets: restores, dryRuns: restores, statuses: 3 * restores, requests: restores}
	}
	if got.secrets > most.secrets || got.dryRuns > most.dryRuns || got.statuses > most.statuses || got.requests > most.requests {
		f.t.Errorf("%+v, want at most %+v", got, most)
	}
	if got.secrets < fought*maxRestores()/2 {
		f.t.Error("hardly anything was put right: this shows nothing")
	}
}

// tally is what a fight costs.
type tally struct{ secrets, dryRuns, statuses, requests int }

// talliedStore counts writes, and stores no dry run.
type talliedStore struct {
	*memoryStore
	tally tally
}

func (s *talliedStore) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	if len((&client.CreateOptions{}).ApplyOptions(options).DryRun) > 0 {
		s.tally.dryRuns++
		return nil
	}
	s.tally.secrets++
	return s.memoryStore.Create(ctx, object, options...)
}

func (s *talliedStore) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	if len((&client.UpdateOptions{}).ApplyOptions(options).DryRun) > 0 {
		s.tally.dryRuns++
		return nil
	}
	s.tally.secrets++
	return s.memoryStore.Update(ctx, object, options...)
}

func (s *talliedStore) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	if len((&client.PatchOptions{}).ApplyOptions(options).DryRun) > 0 {
		s.tally.dryRuns++
		return nil
	}
	s.tally.secrets++
	return s.memoryStore.Patch(ctx, object, patch, options...)
}

func (s *talliedStore) Status() client.SubResourceWriter {
	s.tally.statuses++
	return s.memoryStore.Status()
}
