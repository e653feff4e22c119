package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// renew asks for a fresh URL of every session at once.
func (b *bench) renew(ctx context.Context, s *stage, m *manager) (*manager, error) {
	// No session asks twice within that. One that has to wait for it takes a pass more.
	if err := pause(ctx, time.Until(s.answered().Add(renewal.MinInterval))); err != nil {
		return nil, err
	}
	passes, err := m.passes(ctx)
	if err := errors.Join(err, s.mark()); err != nil {
		return nil, err
	}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"1"}}}`, v1alpha1.AnnotationRenewRequestedAt))
	before := s.endpoint.Total()
	err = atOnce(ctx, creators, s.sessions, func(i int) error {
		return s.client.Patch(ctx, builders.Session(sessionName(i), builders.In(namespace)), patch)
	})
	if err != nil {
		return nil, err
	}
	if err := s.waitForCalls(ctx, m.program, map[string]int{"update secrets": s.sessions, "patch billingsessions/status": s.sessions}); err != nil {
		return nil, err
	}
	if _, err := s.waitQuiet(ctx, m); err != nil {
		return nil, err
	}
	if err := errors.Join(s.read(), b.noteMemory(ctx, s, "after renewal", m), b.notePasses(ctx, "renewal", s, m, passes)); err != nil {
		return nil, err
	}
	b.noteCallsPerSession("renewal", s)
	b.note("renewal: requests to the endpoint", s.sessions, float64(s.endpoint.Total()-before)/float64(s.sessions), "per session")
	b.sayf("%6d sessions: renewed with %s", s.sessions, describe(s.tally()))
	return m, s.mustBeReady(ctx)
}

// restart ends the manager and starts another one, with nothing to do.
func (b *bench) restart(ctx context.Context, s *stage, m *manager) (*manager, error) {
	before := s.endpoint.Total()
	m, err := b.again(ctx, s, m)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.read(), b.noteMemory(ctx, s, "at rest", m)); err != nil {
		return nil, err
	}
	b.note("restart: until at rest", s.sessions, b.lastRest.Seconds(), "s")
	b.noteCalls("restart", s)
	b.note("restart: requests to the endpoint", s.sessions, float64(s.endpoint.Total()-before), "")
	b.sayf("%6d sessions: restarted with %s", s.sessions, describe(s.tally()))
	return m, nil
}

// again replaces the manager by a new one, and waits until that rests.
func (b *bench) again(ctx context.Context, s *stage, m *manager, args ...string) (*manager, error) {
	if err := errors.Join(m.stop(), s.mark()); err != nil {
		return nil, err
	}
	m, err := s.launchManager(ctx, b.manager, b.concurrency, args...)
	if err != nil {
		return nil, err
	}
	rested, err := s.waitQuiet(ctx, m)
	b.lastRest = rested.Sub(m.started)
	return m, err
}

// exhibit has the manager show series for each session, and has them read.
func (b *bench) exhibit(ctx context.Context, s *stage, m *manager) (*manager, error) {
	m, err := b.again(ctx, s, m, "--metrics-per-session=true")
	if err != nil {
		return nil, err
	}
	for range 10 {
		if _, err := m.scrape(ctx); err != nil {
			return nil, err
		}
	}
	return m, b.noteMemory(ctx, s, "at rest, with series for each", m)
}

// takeOver kills a leader while another replica stands by with warm caches.
func (b *bench) takeOver(ctx context.Context, s *stage, m *manager) (*manager, error) {
	election := []string{"--leader-elect", "--leader-election-namespace", namespace}
	leader, err := b.again(ctx, s, m, election...)
	if err != nil {
		return nil, err
	}
	standby, err := s.launchManager(ctx, b.manager, b.concurrency, election...)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.waitReady(ctx, standby), b.noteMemory(ctx, s, "standing by", standby), s.mark()); err != nil {
		return nil, err
	}
	before := s.endpoint.Total()
	if err := leader.kill(); err != nil {
		return nil, err
	}
	if _, err := s.waitQuiet(ctx, standby); err != nil {
		return nil, err
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	b.noteCalls("takeover", s)
	b.note("takeover: requests to the endpoint", s.sessions, float64(s.endpoint.Total()-before), "")
	b.sayf("%6d sessions: a standby took over with %s", s.sessions, describe(s.tally()))
	return standby, nil
}

// looks is how often memory is looked at where a small difference counts.
const looks = 3

// crowd fills the cluster with Secrets that are nobody's business.
func (b *bench) crowd(ctx context.Context, s *stage, m *manager) (*manager, error) {
	without, m, err := b.restingMemory(ctx, s, m)
	if err != nil {
		return nil, err
	}
	b.sayf("%6d sessions: create %d other Secrets of 10 KB", s.sessions, b.foreign)
	if err := s.mark(); err != nil {
		return nil, err
	}
	if err := s.createAll(ctx, b.foreign, foreignSecret); err != nil {
		return nil, err
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	b.noteCalls("other Secrets", s)
	with, m, err := b.restingMemory(ctx, s, m)
	if err != nil {
		return nil, err
	}
	b.note("memory per other Secret", s.sessions, (with-without)/float64(b.foreign), "bytes")
	b.sayf("%6d sessions: %.1f MB resident without, %.1f MB with them", s.sessions, without/mega, with/mega)
	return m, nil
}

// restingMemory is the median of what restarted managers need, in bytes.
func (b *bench) restingMemory(ctx context.Context, s *stage, m *manager) (float64, *manager, error) {
	var seen []float64
	for range looks {
		var err error
		if m, err = b.again(ctx, s, m); err != nil {
			return 0, nil, err
		}
		now, _, err := m.resident()
		if err != nil {
			return 0, nil, err
		}
		seen = append(seen, now)
	}
	return median(seen), m, nil
}

// foreignSecret is as other tools leave them: with labels, annotations and 10 KB of data.
func foreignSecret(i int) client.Object {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: fmt.Sprintf("sh.example.release.v1.shop-%05d.v7", i),
			Labels:      map[string]string{"app.kubernetes.io/name": "shop", "app.kubernetes.io/managed-by": "release-tool", "owner": "release-tool"},
			Annotations: map[string]string{"example.com/description": strings.Repeat("a release ", 20)},
		},
		Data: map[string][]byte{"release": []byte(strings.Repeat("0123456789", 1024))},
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
