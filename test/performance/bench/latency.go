package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// latencyCommand makes this program measure how long people wait for a URL, instead of what
// it costs.
const latencyCommand = "latency"

const (
	// shortKind is of sessions whose URLs live for shortLife only, so that there are renewals all
	// the time. They share a key.
	shortKind = "short"
	shortKey  = "group-short"
	shortLife = 30 * time.Second
	// renewedFor is how long renewals are watched: each of those sessions has two meanwhile.
	renewedFor = shortLife
)

type latencyOptions struct {
	sessions, burst, samples, concurrency int
	qps                                   float64
	outage, within                        time.Duration
}

// latency is a run of all scenarios.
type latency struct {
	latencyOptions
	*bench
	s       *stage
	o       *observer
	manager *manager
	short   []string // the names of the sessions with short lives
	crowd   []string // the names of the sessions among which one is measured
	rows    []latencyRow
}

func runLatency(ctx context.Context, args []string) error {
	var o latencyOptions
	flags := pflag.NewFlagSet(latencyCommand, pflag.ContinueOnError)
	flags.SortFlags = false
	flags.IntVar(&o.sessions, "sessions", 5000, "sessions at rest among which one is measured")
	flags.IntVar(&o.burst, "burst", 1000, "sessions that are created at once")
	flags.IntVar(&o.samples, "samples", 50, "sessions that are measured one after the other")
	flags.IntVar(&o.concurrency, "concurrency", 16, "requests to the endpoint at once")
	flags.Float64Var(&o.qps, "endpoint-qps", 0, "the manager's --endpoint-qps; with its default of 20 a burst waits for that")
	flags.DurationVar(&o.outage, "outage", time.Minute, "how long the endpoint fails")
	flags.DurationVar(&o.within, "within", 15*time.Minute, "longest that all of it may take")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.within)
	defer cancel()
	l := &latency{latencyOptions: o, bench: &bench{out: os.Stdout, began: time.Now()}}
	err := l.run(ctx)
	l.print() // what was measured counts, also where the rest failed
	return errors.Join(err, context.Cause(ctx))
}

func (l *latency) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program := filepath.Join(dir, "manager")
	if err := l.build(ctx, program); err != nil {
		return err
	}
	if l.s, err = newStage(ctx, 0, managerUserAgent); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.s.strike()) }()
	// An API server does not stop while somebody watches.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	l.s.endpoint.MisbehaveFor(shortKey, standin.Life(shortLife))
	if err := l.s.client.Create(ctx, builders.KeySecretOf(namespace, shortKey, shortKey)); err != nil {
		return err
	}
	if err := l.makeRoomForCrowd(ctx); err != nil {
		return err
	}
	if l.o, err = l.s.observe(ctx); err != nil {
		return err
	}
	if err := l.floorAlone(ctx); err != nil {
		return fmt.Errorf("the floor: %w", err)
	}
	l.manager, err = l.s.launchManager(ctx, program, l.concurrency, "--endpoint-qps", fmt.Sprint(l.qps))
	if err != nil {
		return err
	}
	if err := l.s.waitReady(ctx, l.manager); err != nil {
		return err
	}
	scenarios := []func(context.Context) error{
		l.alone, l.atRest, l.duringRotation, l.duringThrottling, l.duringLoss, l.duringBurst, l.afterOutage, l.duringDeletion,
	}
	for _, scenario := range scenarios {
		if err := errors.Join(scenario(ctx), l.manager.alive()); err != nil {
			return err
		}
	}
	return l.manager.stop()
}

// floorAlone serves sessions with the floor's own calls, as soon as their creation is
// acknowledged. Nobody can be faster.
func (l *latency) floorAlone(ctx context.Context) error {
	f, err := newFloor(l.s.plane.KubeconfigPath(), l.s.server.URL+standin.Path, 1)
	if err != nil {
		return err
	}
	waits, err := l.oneByOne(ctx, l.named("floor", l.samples), func(session *v1alpha1.BillingSession) error { return f.serve(ctx, session) })
	if err != nil {
		return err
	}
	l.note("the floor alone: creation to URL", waits)
	// The manager would take them for its own.
	return errors.Join(
		l.s.client.DeleteAllOf(ctx, &v1alpha1.BillingSession{}, client.InNamespace(namespace)),
		l.s.client.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(namespace), client.HasLabels{v1alpha1.LabelManagedBy}),
	)
}

func (l *latency) alone(ctx context.Context) error {
	l.short = l.named(shortKind, l.samples)
	waits, err := l.oneByOne(ctx, l.short, nil)
	if err != nil {
		return err
	}
	l.note("alone: creation to URL", waits)
	return l.watchRenewals(ctx, "alone: renewal time to URL")
}

func (l *latency) duringBurst(ctx context.Context) error {
	start := time.Now()
	names := l.named("burst", l.burst)
	acknowledged, err := l.create(ctx, names)
	if err != nil {
		return err
	}
	if err := l.s.await(ctx, l.o, names, start); err != nil {
		return err
	}
	end := time.Now()
	l.note(fmt.Sprintf("burst of %d: creation to URL", l.burst), l.since(names, acknowledged))
	l.note(fmt.Sprintf("burst of %d: renewal time to URL", l.burst), l.o.late(l.short, start, end))
	return nil
}

// afterOutage measures from the outage's end, or from when a URL was due after that.
func (l *latency) afterOutage(ctx context.Context) error {
	l.sayf("The endpoint fails for %s", l.outage)
	l.s.endpoint.Misbehave(standin.Status(503))
	names := l.named("outage", l.samples)
	if _, err := l.create(ctx, names); err != nil {
		return err
	}
	if err := pause(ctx, l.outage); err != nil {
		return err
	}
	l.s.endpoint.Misbehave()
	healed := time.Now()
	if err := l.s.await(ctx, l.o, append(names, l.short...), healed); err != nil {
		return err
	}
	ends := make([]time.Time, l.samples)
	for i := range ends {
		ends[i] = healed
	}
	l.note("an outage's end: created meanwhile", l.since(names, ends))
	l.note("an outage's end: due meanwhile", l.since(l.short, ends))
	return nil
}

func (l *latency) watchRenewals(ctx context.Context, what string) error {
	start := time.Now()
	if err := pause(ctx, renewedFor); err != nil {
		return err
	}
	l.note(what, l.o.late(l.short, start, time.Now()))
	return nil
}

func (l *latency) named(kind string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d", kind, i)
	}
	return names
}

func (l *latency) session(name string, i int) *v1alpha1.BillingSession {
	place, key := namespace, keyName(i%keys)
	switch kind, _, _ := strings.Cut(name, "-"); kind {
	case shortKind:
		key = shortKey
	case crowdKind:
		place, key = crowdNamespace, crowdKey
	}
	return builders.Session(name, builders.In(place), builders.KeySecret(key), builders.Expiration(life))
}

// create creates sessions at once. It returns when each creation was acknowledged.
func (l *latency) create(ctx context.Context, names []string) ([]time.Time, error) {
	var mu sync.Mutex
	acknowledged := make([]time.Time, len(names))
	err := atOnce(ctx, creators, len(names), func(i int) error {
		err := l.s.client.Create(ctx, l.session(names[i], i))
		mu.Lock()
		defer mu.Unlock()
		acknowledged[i] = time.Now()
		return err
	})
	return acknowledged, err
}

// oneByOne creates each session once the one before has its URL. serve is who serves it; nil
// for the manager.
func (l *latency) oneByOne(ctx context.Context, names []string, serve func(*v1alpha1.BillingSession) error) ([]time.Duration, error) {
	acknowledged := make([]time.Time, len(names))
	for i, name := range names {
		session := l.session(name, i)
		if err := l.s.client.Create(ctx, session); err != nil {
			return nil, err
		}
		acknowledged[i] = time.Now()
		if serve != nil {
			if err := serve(session); err != nil {
				return nil, err
			}
		}
		if err := l.s.await(ctx, l.o, names[i:i+1], time.Time{}); err != nil {
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
