//go:build bench

package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	// shortKind is of sessions whose URLs live for shortLife only, so that there are renewals all
	// the time. They share a key.
	shortKind = "short"
	shortKey  = "group-short"
	shortLife = 30 * time.Second
	// renewedFor is how long renewals are watched: each of those sessions has two meanwhile.
	renewedFor = shortLife
	// samples are how many sessions are measured one after the other.
	samples = 50
	// outage is how long the endpoint fails.
	outage = time.Minute
)

// latency is a run of all scenarios.
type latency struct {
	*stage
	o       *observer
	manager *manager
	short   []string      // the names of the sessions with short lives
	crowd   []string      // the names of the sessions among which one is measured
	floor   time.Duration // the median of nobody's but the calls' own time
}

func TestLatency(t *testing.T) {
	l := &latency{stage: newStage(t, 0, managerUserAgent)}
	l.Standin.MisbehaveFor(shortKey, standin.Life(shortLife))
	l.GiveKey(shortKey, shortKey)
	l.makeRoomForCrowd()
	l.o = l.observe()
	l.floorAlone()
	l.manager = l.startManager()
	l.Eventually("the manager is ready", l.manager.Ready)
	for _, scenario := range []func(){
		l.alone, l.atRest, l.duringRotation, l.duringThrottling, l.duringLoss, l.duringBurst, l.afterOutage, l.duringDeletion,
	} {
		scenario()
		l.manager.MustRun()
	}
}

// note tells what a scenario found.
func (l *latency) note(what string, waits []time.Duration) {
	median := quantile(waits, .5)
	if l.floor == 0 {
		l.floor = median
	}
	l.T.Logf("%s: %d, p50 %s, p99 %s, max %s; p50 is %.2f times the floor's", what, len(waits),
		median, quantile(waits, .99), quantile(waits, 1), median.Seconds()/l.floor.Seconds())
}

// quantile is the shortest wait that a share of them does not exceed.
func quantile(waits []time.Duration, share float64) time.Duration {
	if len(waits) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(waits))
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[max(rank, 1)-1].Round(100 * time.Microsecond)
}

// floorAlone serves sessions with the floor's own calls, as soon as their creation is
// acknowledged. Nobody can be faster.
func (l *latency) floorAlone() {
	f, err := newFloor(floorOrder{Kubeconfig: l.Cluster.KubeconfigPath(), Namespace: l.Namespace, Endpoint: l.URL + standin.Path})
	l.Must(err)
	waits, err := l.oneByOne(named("floor", samples), func(session *v1alpha1.BillingSession) error { return f.serve(l.T.Context(), session) })
	l.Must(err)
	l.note("the floor alone: creation to URL", waits)
	// The manager would take them for its own.
	l.Must(l.Client.DeleteAllOf(l.T.Context(), &v1alpha1.BillingSession{}, client.InNamespace(l.Namespace)))
	l.Must(l.Client.DeleteAllOf(l.T.Context(), &corev1.Secret{}, client.InNamespace(l.Namespace), client.HasLabels{v1alpha1.LabelManagedBy}))
}

func (l *latency) alone() {
	l.short = named(shortKind, samples)
	waits, err := l.oneByOne(l.short, nil)
	l.Must(err)
	l.note("alone: creation to URL", waits)
	l.watchRenewals("alone: renewal time to URL")
}

func (l *latency) duringBurst() {
	start := time.Now()
	names := named("burst", *latencyBurst)
	acknowledged := l.create(names)
	l.Must(l.o.await(names, start))
	l.note(fmt.Sprintf("burst of %d: creation to URL", len(names)), l.since(names, acknowledged))
	l.note(fmt.Sprintf("burst of %d: renewal time to URL", len(names)), l.o.late(l.short, start, time.Now()))
}

// afterOutage measures from the outage's end, or from when a URL was due after that.
func (l *latency) afterOutage() {
	l.Standin.Misbehave(standin.Status(503))
	names := named("outage", samples)
	l.create(names)
	time.Sleep(outage)
	l.Standin.Misbehave()
	healed := time.Now()
	l.Must(l.o.await(append(names, l.short...), healed))
	ends := slices.Repeat([]time.Time{healed}, samples)
	l.note("an outage's end: created meanwhile", l.since(names, ends))
	l.note("an outage's end: due meanwhile", l.since(l.short, ends))
}

func (l *latency) watchRenewals(what string) {
	start := time.Now()
	time.Sleep(renewedFor)
	l.note(what, l.o.late(l.short, start, time.Now()))
}

func named(kind string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d", kind, i)
	}
	return names
}

func (l *latency) session(name string, i int) *v1alpha1.BillingSession {
	place, key := l.Namespace, keyName(i%keys)
	switch kind, _, _ := strings.Cut(name, "-"); kind {
	case shortKind:
		key = shortKey
	case crowdKind:
		place, key = crowdNamespace, crowdKey
	}
	return builders.Session(name, builders.In(place), builders.KeySecret(key), builders.Expiration(life))
}

// create creates sessions at once. It returns when each creation was acknowledged.
func (l *latency) create(names []string) []time.Time {
	l.T.Helper()
	var mu sync.Mutex
	acknowledged := make([]time.Time, len(names))
	l.Must(atOnce(len(names), func(i int) error {
		err := l.Client.Create(l.T.Context(), l.session(names[i], i))
		mu.Lock()
		defer mu.Unlock()
		acknowledged[i] = time.Now()
		return err
	}))
	return acknowledged
}

// oneByOne creates each session once the one before has its URL. serve is who serves it; nil
// for the manager.
func (l *latency) oneByOne(names []string, serve func(*v1alpha1.BillingSession) error) ([]time.Duration, error) {
	acknowledged := make([]time.Time, len(names))
	for i, name := range names {
		session := l.session(name, i)
		if err := l.Client.Create(l.T.Context(), session); err != nil {
			return nil, err
		}
		acknowledged[i] = time.Now()
		if serve != nil {
			if err := serve(session); err != nil {
				return nil, err
			}
		}
		if err := l.o.await(names[i:i+1], time.Time{}); err != nil {
			return nil, err
		}
	}
	return l.since(names, acknowledged), nil
}

// since is how long after those times the next URL of each session came.
func (l *latency) since(names []string, then []time.Time) (waits []time.Duration) {
	for i, name := range names {
		at := l.o.after(name, then[i])
		if at.IsZero() { // the watch was faster than the answer to the creation
			at = then[i]
		}
		waits = append(waits, at.Sub(then[i]))
	}
	return waits
}
