package manager

import (
	"context"
	"flag"
	"fmt"
	"slices"
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

// loadSessions is how many sessions are renewed under load, for a quarter of an hour.
var loadSessions = flag.Int("load.sessions", 0, "how many sessions are renewed under a limit and through an outage; 0 for none")

// loadIssuing is more than 10,000 sessions take on two idle processors.
var loadIssuing = flag.Duration("load.issuing", 6*time.Minute, "what the first URLs of all these sessions may take")

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
	if err := f.Client.List(f.T.Context(), &sessions, client.InNamespace(f.Namespace)); err != nil {
		f.T.Fatal(err)
	}
	var all []*v1alpha1.BillingSession
	for i := range sessions.Items {
		all = append(all, &sessions.Items[i])
	}
	return simulation.Renewals(all, kind)
}

// expireTogether lets all URLs that are granted from now on expire at once.
func (f *fleet) expireTogether(at time.Time) {
	f.Standin.Misbehave(standin.Expire(strconv.FormatInt(at.Unix(), 10)))
}

// sleepUntil waits for an instant that the clocks of manager and endpoint are to reach.
func sleepUntil(at time.Time) { time.Sleep(time.Until(at)) }

func qps(perSecond float64) string { return fmt.Sprintf("--endpoint-qps=%g", perSecond) }

// TestRestartWhileManyAreDue starts a manager when a third of the sessions are due, a third has
// no URL and a third is at rest, with a limit that lets a few through each second.
func TestRestartWhileManyAreDue(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	third := max(80, *loadSessions/6)
	first := f.StartManager("--endpoint-qps=0", "--log-level=info")
	f.createAll("resting", third, builders.Expiration(86400))
	f.waitForFirst("resting", third)
	margin := max(20*time.Second, time.Duration(third)*time.Second/20)
	end := time.Now().Add(3 * margin)
	f.expireTogether(end)
	f.createAll("due", third, builders.Expiration(600), builders.RenewBefore(int32(margin/time.Second)))
	f.waitForFirst("due", third)
	first.Stop()
	f.Standin.Heal()
	before := len(f.Seen())
	due := f.renewals("due")
	f.createAll("new", third)
	for _, session := range due {
		sleepUntil(session.Due)
	}
	total := f.Standin.Total()
	// Nine of ten turns are enough for all that are due.
	rate := float64(third) / time.Until(end).Seconds() * 1.5
	f.StartManager(qps(rate), "--endpoint-burst=1", "--log-level=info")
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

// TestRenewalUnderLoad has all URLs expire at one instant and limits the endpoint to a third of what
// is then wanted at once: none expires. Before the next renewals are through,
// the endpoint is down for two minutes and then lets less through: what expires is
// what has to.
func TestRenewalUnderLoad(t *testing.T) {
	n := *loadSessions
	if n == 0 {
		t.Skip("takes a quarter of an hour: make load")
	}
	f := newFleet(t)
	limit := 0.006 * float64(n)
	end := time.Now().Add(*loadIssuing + 215*time.Second)
	f.expireTogether(end)
	manager := f.StartManager("--endpoint-qps=0", "--log-level=info")
	// In a window of a minute all are due, and after two more they expire.
	f.createAll("acme", n, builders.Expiration(400), builders.RenewBefore(150))
	env.EventuallyWithin(f.T, time.Until(end.Add(-215*time.Second)), "all sessions have a URL; else give them longer: -load.issuing", func() string {
		return env.Unless(len(f.First("acme")) == n, fmt.Sprintf("%d of %d", len(f.First("acme")), n))
	})
	t.Logf("all have a URL %s before it expires", time.Until(end).Round(time.Second))
	f.Standin.Heal()
	manager.Stop()
	manager = f.StartManager(qps(limit), "--log-level=info")
	sessions := f.renewals("acme")
	if total := f.Standin.Total(); total != n {
		t.Errorf("%d requests, want one for each of %d sessions", total, n)
	}
	sleepUntil(end.Add(-120 * time.Second))
	before := len(f.Seen())
	f.createAll("new", n/50)
	sleepUntil(end)
	if expired := f.Expired(sessions); expired > 0 {
		t.Errorf("%d of %d URLs expired", expired, n)
	}
	f.expectOneTurnInTen(n/50, f.Seen()[before:])

	down, up := end.Add(60*time.Second), end.Add(180*time.Second)
	sleepUntil(down)
	f.Standin.Misbehave(standin.Status(503))
	// Those that were renewed already expire later, and are in nobody's way.
	sessions = slices.DeleteFunc(f.renewals("acme"), func(s simulation.Session) bool { return s.Expires.After(end.Add(400 * time.Second)) })
	sleepUntil(up.Add(-20 * time.Second))
	manager.Stop()
	f.StartManager(qps(limit/2), "--log-level=info")
	sleepUntil(up)
	f.Standin.Heal()
	predicted := simulation.Run(sessions, simulation.Endpoint{Start: up, PerSecond: limit / 2, Burst: 1})
	for _, session := range sessions {
		sleepUntil(session.Expires)
	}
	expired := f.Expired(sessions)
	t.Logf("%d of %d URLs expired, %d of them narrowly; %d had to", expired, len(sessions), f.Narrowly(sessions), predicted.Expired)
	// One in a hundred more: the simulation has no waits after failures, and its writes take no time.
	if predicted.Expired == 0 || expired > predicted.Expired+len(sessions)/100 {
		t.Errorf("%d URLs expired, %d had to", expired, predicted.Expired)
	}
}
