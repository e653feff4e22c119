package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	// due is when each URL is to be replaced.
	due map[string]time.Time
}

// arrival is another URL in the Secret of a session.
type arrival struct {
	at      time.Time
	url     string
	expires time.Time
}

// observe watches until the context ends.
func (s *stage) observe(ctx context.Context) (*observer, error) {
	o := &observer{arrivals: map[string][]arrival{}, due: map[string]time.Time{}}
	watched, err := cache.New(s.plane.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{namespace: {}, crowdNamespace: {}},
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
		o.arrivals[name] = append(before, arrival{now, url, expiryOf(secret)})
	}
}

func expiryOf(secret *corev1.Secret) time.Time {
	expire, _ := strconv.ParseInt(string(secret.Data[v1alpha1.SecretKeyExpire]), 10, 64) // the manager wrote it
	return time.Unix(expire, 0)
}

func (o *observer) session(object any) {
	session, ok := object.(*v1alpha1.BillingSession)
	if !ok || session.Status.RenewalTime == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.due[session.Status.URL]; !known {
		o.due[session.Status.URL] = session.Status.RenewalTime.Time
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

// replacement is a URL that came in the place of another one.
type replacement struct{ old, now arrival }

// replacements are those of these sessions between two times.
func (o *observer) replacements(names []string, from, to time.Time) (all []replacement) {
	for _, name := range names {
		arrivals := o.of(name)
		for i, a := range arrivals {
			if i > 0 && !a.at.Before(from) && !a.at.After(to) {
				all = append(all, replacement{arrivals[i-1], a})
			}
		}
	}
	return all
}

// late are how late the URLs came that replaced others between two times. The status that
// tells when a URL was due may be seen after the Secret of the next one.
func (o *observer) late(names []string, from, to time.Time) (waits []time.Duration) {
	replacements := o.replacements(names, from, to)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range replacements {
		if due, ok := o.due[r.old.url]; ok {
			waits = append(waits, r.now.at.Sub(due))
		}
	}
	return waits
}

// expired are how many URLs were dead when others came, between two times.
func (o *observer) expired(names []string, from, to time.Time) (n int) {
	for _, r := range o.replacements(names, from, to) {
		if r.now.at.After(r.old.expires) {
			n++
		}
	}
	return n
}
