//go:build long

package manager

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/performance/simulation"
	"github.com/xtracta/billing-operator/test/standin"
)

// loadKeys is how many API keys the sessions of a fleet share.
const loadKeys = 50

// fleet is many sessions in one stage, watched from outside.
type fleet struct {
	*stage
	*simulation.Ledger
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	s := newStage(t, standin.AcceptAnyKey())
	f := &fleet{s, s.watchURLs()}
	for i := range loadKeys {
		f.Create(builders.KeySecretOf(f.Namespace, loadKey(i), loadKey(i)))
	}
	return f
}

func loadKey(i int) string { return fmt.Sprintf("key-%d", i) }

// watchURLs keeps each URL that appears in a generated Secret.
func (s *stage) watchURLs() *simulation.Ledger {
	s.T.Helper()
	var urls simulation.Ledger
	s.inform(&corev1.Secret{}, toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { urls.Note(nil, o.(*corev1.Secret)) },
		UpdateFunc: func(o, n any) { urls.Note(o.(*corev1.Secret), n.(*corev1.Secret)) },
	})
	return &urls
}

// inform tells a handler of all objects of a kind in the stage. A watch alone would end when it
// falls behind.
func (s *stage) inform(kind client.Object, handler toolscache.ResourceEventHandler) {
	s.T.Helper()
	objects, err := cache.New(s.Cluster.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{s.Namespace: {}},
	})
	s.Must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = objects.Start(ctx) })
	s.T.Cleanup(func() { cancel(); running.Wait() })
	informer, err := objects.GetInformer(ctx, kind)
	s.Must(err)
	_, err = informer.AddEventHandler(handler)
	s.Must(err)
}

// createAll creates n sessions of a kind, some at a time.
func (f *fleet) createAll(kind string, n int, differences ...func(*v1alpha1.BillingSession)) {
	f.T.Helper()
	var creators sync.WaitGroup
	const atOnce = 8
	for creator := range atOnce {
		creators.Go(func() {
			for i := creator; i < n; i += atOnce {
				session := builders.Session(fmt.Sprintf("%s-%d", kind, i), append([]func(*v1alpha1.BillingSession){
					builders.In(f.Namespace), builders.KeySecret(loadKey(i % loadKeys)),
				}, differences...)...)
				if err := f.Client.Create(f.T.Context(), session); err != nil {
					f.T.Error(err)
					return
				}
			}
		})
	}
	creators.Wait()
}

// renewals are what the sessions of a kind will want next, and until when.
func (f *fleet) renewals(kind string) []simulation.Session {
	f.T.Helper()
	var sessions v1alpha1.BillingSessionList
	f.Must(f.Client.List(f.T.Context(), &sessions, client.InNamespace(f.Namespace)))
	var all []*v1alpha1.BillingSession
	for i := range sessions.Items {
		all = append(all, &sessions.Items[i])
	}
	return simulation.Renewals(all, kind)
}

// TestRestartWhileManyAreDue starts a manager when a third of the sessions are due, a third has
// no URL and a third is at rest, with a limit that lets a few through each second.
func TestRestartWhileManyAreDue(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const third = 200
	first := f.StartManager("--endpoint-qps=0", "--log-level=info")
	f.createAll("resting", third, builders.Expiration(86400))
	f.waitForFirst("resting", third)
	const margin = time.Minute
	end := time.Now().Add(3 * margin)
	f.Standin.Misbehave(standin.Expire(strconv.FormatInt(end.Unix(), 10)))
	f.createAll("due", third, builders.Expiration(600), builders.RenewBefore(int32(margin/time.Second)))
	f.waitForFirst("due", third)
	first.Stop()
	f.Standin.Heal()
	before := len(f.Seen())
	due := f.renewals("due")
	f.createAll("new", third)
	for _, session := range due {
		time.Sleep(time.Until(session.Due))
	}
	total := f.Standin.Total()
	// Nine of ten turns are enough for all that are due.
	rate := float64(third) / time.Until(end).Seconds() * 1.5
	f.StartManager(fmt.Sprintf("--endpoint-qps=%g", rate), "--endpoint-burst=1", "--log-level=info")
	f.waitForFirst("new", third)

	if expired := f.Expired(due); expired > 0 {
		t.Errorf("%d of %d URLs expired", expired, len(due))
	}
	if got := f.Standin.Total() - total; got != 2*third {
		t.Errorf("%d requests, want one for each of %d that are due or without a URL", got, 2*third)
	}
	f.expectOneTurnInTen(third, f.Seen()[before:])
}

func (f *fleet) waitForFirst(kind string, n int) {
	f.T.Helper()
	env.EventuallyWithin(f.T, env.Patience+time.Duration(n)*100*time.Millisecond, fmt.Sprintf("%d %s sessions have a URL", n, kind), func() string {
		return env.Unless(len(f.First(kind)) == n, fmt.Sprint(len(f.First(kind))))
	})
}

// expectOneTurnInTen holds that as long as there were sessions to renew and n without
// a URL, one of ten turns went to those. Turns that were given at about the same time
// may be seen in another order.
func (f *fleet) expectOneTurnInTen(n int, grants []simulation.Replacement) {
	f.T.Helper()
	const few, most = 6, 32 // the more while a line is empty for a moment
	last := 0
	for i, r := range grants {
		if !r.Old.IsZero() {
			last = i
		}
	}
	firsts := 0
	for i, r := range grants[:last+1] {
		if r.Old.IsZero() {
			firsts++
		}
		if share := (i + 1) / 10; firsts < min(share-few, n) || firsts > share+most {
			f.T.Fatalf("of the first %d turns %d went to sessions without a URL", i+1, firsts)
		}
		if firsts == n {
			return
		}
	}
}
