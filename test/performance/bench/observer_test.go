//go:build bench

package bench

import (
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

// observe watches the stage and the crowd until the test ends.
func (s *stage) observe() *observer {
	s.T.Helper()
	o := &observer{arrivals: map[string][]arrival{}, due: map[string]time.Time{}}
	watched, err := cache.New(s.Cluster.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{s.Namespace: {}, crowdNamespace: {}},
	})
	s.Must(err)
	ctx := s.T.Context()
	for object, note := range map[client.Object]func(any){&corev1.Secret{}: o.secret, &v1alpha1.BillingSession{}: o.session} {
		informer, err := watched.GetInformer(ctx, object, cache.BlockUntilSynced(false))
		s.Must(err)
		_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc: note, UpdateFunc: func(_, now any) { note(now) },
		})
		s.Must(err)
	}
	go func() { _ = watched.Start(ctx) }() // what it misses, whoever waits for it reports
	if !watched.WaitForCacheSync(ctx) {
		s.T.Fatal("the watch does not start")
	}
	return o
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
func (o *observer) await(names []string, then time.Time) error {
	deadline := time.Now().Add(patience)
	for missing := names; len(missing) > 0; {
		switch {
		case !o.after(missing[0], then).IsZero():
			missing = missing[1:]
		case time.Now().After(deadline):
			return fmt.Errorf("%s, and perhaps %d more, have no URL in %s", missing[0], len(missing)-1, patience)
		default:
			time.Sleep(5 * time.Millisecond)
		}
	}
	return nil
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
