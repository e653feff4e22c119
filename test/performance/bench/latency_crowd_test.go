//go:build bench

package bench

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// crowdKind is of the sessions among which one is measured. They share a namespace and a key,
// so that something can happen to all of them at once.
const (
	crowdKind      = "crowd"
	crowdNamespace = "crowd"
	crowdKey       = "group-crowd"
)

func (l *latency) makeRoomForCrowd() {
	l.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowdNamespace}})
	l.Create(builders.KeySecretOf(crowdNamespace, crowdKey, crowdKey))
}

// atRest measures one session among a crowd that has nothing to do.
func (l *latency) atRest() {
	start := time.Now()
	l.crowd = named(crowdKind, *latencySessions)
	l.create(l.crowd)
	l.Must(l.o.await(l.crowd, start))
	waits, err := l.oneByOne(named("among", samples), nil)
	l.Must(err)
	l.note(fmt.Sprintf("among %d at rest: creation to URL", len(l.crowd)), waits)
	l.watchRenewals(fmt.Sprintf("among %d at rest: renewal time to URL", len(l.crowd)))
}

const (
	// throttledFor is how long the endpoint throttles the crowd's key, and throttledRetryAfter what
	// it asks for in each answer meanwhile.
	throttledFor        = time.Minute
	throttledRetryAfter = 10 * time.Second
)

// duringRotation measures others while the crowd's key is rotated, and how long the crowd
// waits for URLs of the new key.
func (l *latency) duringRotation() {
	l.meanwhile("rotation", "the key of %d is rotated", func() {
		start := time.Now()
		l.giveCrowdKey(crowdKey + "-rotated")
		l.Must(l.o.await(l.crowd, start))
		l.note(fmt.Sprintf("a key of %d: rotation to URL", len(l.crowd)), l.since(l.crowd, slices.Repeat([]time.Time{start}, len(l.crowd))))
	})
}

// duringThrottling measures others while the crowd wants URLs of another key, which the endpoint
// throttles, and how long the crowd waits once it no longer does.
func (l *latency) duringThrottling() {
	l.meanwhile("throttling", "the new key of %d is throttled", func() {
		const key = crowdKey + "-throttled"
		l.Standin.MisbehaveFor(key, standin.Throttle(throttledRetryAfter))
		l.giveCrowdKey(key)
		time.Sleep(throttledFor)
		l.Standin.MisbehaveFor(key)
		healed := time.Now()
		l.Must(l.o.await(l.crowd, healed))
		l.note(fmt.Sprintf("a throttled key of %d: its end to URL", len(l.crowd)), l.since(l.crowd, slices.Repeat([]time.Time{healed}, len(l.crowd))))
	})
}

func (l *latency) giveCrowdKey(value string) {
	l.Must(l.Client.Update(l.T.Context(), builders.KeySecretOf(crowdNamespace, crowdKey, value)))
}

// duringLoss measures others while the crowd's key is deleted, until all their statuses say so.
func (l *latency) duringLoss() {
	l.meanwhile("loss", "the key of %d is deleted", func() {
		l.Delete(builders.KeySecretOf(crowdNamespace, crowdKey, ""))
		l.await("each status tells of the loss", func() string {
			var list v1alpha1.BillingSessionList
			l.Must(l.Client.List(l.T.Context(), &list, client.InNamespace(crowdNamespace)))
			untold := slices.IndexFunc(list.Items, func(session v1alpha1.BillingSession) bool {
				return !slices.ContainsFunc(session.Status.Conditions, func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonKeySecretMissing })
			})
			time.Sleep(5 * time.Second) // such a list is much work for the API server
			return env.Unless(untold < 0, fmt.Sprintf("not that of session %d", untold))
		})
	})
}

// duringDeletion measures others while the crowd's namespace is deleted. The Secrets go first,
// which is the order that tempts the manager most: it could still write them again.
func (l *latency) duringDeletion() {
	l.meanwhile("deletion", "the namespace of %d is deleted", func() {
		l.Delete(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowdNamespace}})
		// What a cluster's namespace controller does. There is none here.
		l.empty(&corev1.Secret{})
		l.empty(&v1alpha1.BillingSession{})
	})
}

// empty deletes all objects of a kind in the crowd's namespace. The API server ends such a call
// after a minute, with those deleted that it came to.
func (l *latency) empty(kind client.Object) {
	for {
		err := l.Client.DeleteAllOf(l.T.Context(), kind, client.InNamespace(crowdNamespace))
		if !apierrors.IsTimeout(err) {
			l.Must(err)
			return
		}
	}
}

// meanwhile measures other sessions while something happens to the crowd. kind is of those other
// sessions, and what says what happens, with the crowd's number.
func (l *latency) meanwhile(kind, what string, happen func()) {
	what = fmt.Sprintf("while "+what, len(l.crowd))
	start, requests := time.Now(), l.Standin.Total()
	before := computed(l.T, l.manager.PID())
	var (
		waits   []time.Duration
		waiting errgroup.Group
	)
	waiting.Go(func() (err error) {
		waits, err = l.oneByOne(named(kind, samples), nil)
		return err
	})
	happen()
	l.Must(waiting.Wait())
	l.note(what+": creation to URL", waits)
	l.note(what+": renewal time to URL", l.o.late(l.short, start, time.Now()))
	l.T.Logf("%s: %d URLs expired before others came; %d requests; the manager computed %.1f s", what,
		l.o.expired(l.short, start, time.Now()), l.Standin.Total()-requests, computed(l.T, l.manager.PID())-before)
}
