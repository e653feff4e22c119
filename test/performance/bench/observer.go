package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

// observer notes when URLs come into Secrets, and when they were due, as a watch shows it:
// pods learn of them in no other way.
type observer struct {
	mu       sync.Mutex
	arrivals map[string][]arrival
	// renewals are the renewal times that each session has had.
	renewals map[string][]time.Time
}

// arrival is another URL in the Secret of a session.
type arrival struct {
	at  time.Time
	url string
}

// observe watches until the context ends.
func (s *stage) observe(ctx context.Context) (*observer, error) {
	o := &observer{arrivals: map[string][]arrival{}, renewals: map[string][]time.Time{}}
	watched, err := cache.New(s.plane.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{namespace: {}},
	})
	if err != nil {
		return nil, err
	}
	for object, note := range map[client.Object]func(any){&corev1.Secret{}: o.secret, &v1alpha1.BillingSession{}: o.session} {
		informer, err := watched.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, err
		}
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: note, UpdateFunc: func(_, now any) { note(now) },
		})
		if err != nil {
			return nil, err
		}
	}
	go func() { _ = watched.Start(ctx) }() // what it misses, whoever waits for it reports
	if !watched.WaitForCacheSync(ctx) {
		return nil, errors.New("the watch does not start")
	}
	return o, nil
}

func (o *observer) secret(object any) {
	now := time.Now()
	secret, ok := object.(*corev1.Secret)
	if !ok || secret.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy {
		return
	}
	name, url := secret.Labels[v1alpha1.LabelSession], string(secret.Data[v1alpha1.SecretKeyURL])
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.arrivals[name]
	if len(before) == 0 || before[len(before)-1].url != url {
		o.arrivals[name] = append(before, arrival{now, url})
	}
}

func (o *observer) session(object any) {
	session, ok := object.(*v1alpha1.BillingSession)
	if !ok || session.Status.RenewalTime == nil {
		return
	}
	at := session.Status.RenewalTime.Time
	o.mu.Lock()
	defer o.mu.Unlock()
	before := o.renewals[session.Name]
	if len(before) == 0 || !before[len(before)-1].Equal(at) {
		o.renewals[session.Name] = append(before, at)
	}
}

// of are the arrivals for a session.
func (o *observer) of(name string) []arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]arrival(nil), o.arrivals[name]...)
}

// after is the first arrival for a session from then on; zero for none.
func (o *observer) after(name string, then time.Time) time.Time {
	for _, a := range o.of(name) {
		if !a.at.Before(then) {
			return a.at
		}
	}
	return time.Time{}
}

// await waits until each of the sessions has had a URL from then on.
func (s *stage) await(ctx context.Context, o *observer, names []string, then time.Time) error {
	missing := names
	return s.untilEvery(ctx, 5*time.Millisecond, func() (string, error) {
		for len(missing) > 0 && !o.after(missing[0], then).IsZero() {
			missing = missing[1:]
		}
		if len(missing) > 0 {
			return fmt.Sprintf("a URL of %s, and perhaps of %d more", missing[0], len(missing)-1), nil
		}
		return "", nil
	})
}

// late are how late the URLs came that replaced others between two times.
func (o *observer) late(names []string, from, to time.Time) (waits []time.Duration) {
	for _, name := range names {
		arrivals := o.of(name)
		for i, a := range arrivals {
			if i == 0 || a.at.Before(from) || a.at.After(to) {
				continue
			}
			if due := o.dueBefore(name, a.at); !due.IsZero() {
				waits = append(waits, a.at.Sub(due))
			}
		}
	}
	return waits
}

// dueBefore is the last renewal time of a session that had come by then; zero for none.
func (o *observer) dueBefore(name string, then time.Time) (due time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, at := range o.renewals[name] {
		if !at.After(then) && at.After(due) {
			due = at
		}
	}
	return due
}
