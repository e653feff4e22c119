package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
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

func (l *latency) makeRoomForCrowd(ctx context.Context) error {
	return errors.Join(
		l.s.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowdNamespace}}),
		l.s.client.Create(ctx, builders.KeySecretOf(crowdNamespace, crowdKey, crowdKey)),
	)
}

// atRest measures one session among a crowd that has nothing to do.
func (l *latency) atRest(ctx context.Context) error {
	start := time.Now()
	l.crowd = l.named(crowdKind, l.sessions)
	if _, err := l.create(ctx, l.crowd); err != nil {
		return err
	}
	if err := l.s.await(ctx, l.o, l.crowd, start); err != nil {
		return err
	}
	waits, err := l.oneByOne(ctx, l.named("among", l.samples), nil)
	if err != nil {
		return err
	}
	l.note(fmt.Sprintf("among %d at rest: creation to URL", l.sessions), waits)
	return l.watchRenewals(ctx, fmt.Sprintf("among %d at rest: renewal time to URL", l.sessions))
}

const (
	// throttledFor is how long the endpoint throttles the crowd's key, and throttledRetryAfter what
	// it asks for in each answer meanwhile.
	throttledFor        = time.Minute
	throttledRetryAfter = 10 * time.Second
)

// duringRotation measures others while the crowd's key is rotated, and how long the crowd
// waits for URLs of the new key.
func (l *latency) duringRotation(ctx context.Context) error {
	return l.meanwhile(ctx, "rotation", "the key of %d is rotated", func(ctx context.Context) error {
		start := time.Now()
		if err := l.s.client.Update(ctx, builders.KeySecretOf(crowdNamespace, crowdKey, crowdKey+"-rotated")); err != nil {
			return err
		}
		if err := l.s.await(ctx, l.o, l.crowd, start); err != nil {
			return err
		}
		l.note(fmt.Sprintf("a key of %d: rotation to URL", l.sessions), l.since(l.crowd, slices.Repeat([]time.Time{start}, l.sessions)))
		return nil
	})
}

// duringThrottling measures others while the crowd wants URLs of another key, which the endpoint
// throttles, and how long the crowd waits once it no longer does.
func (l *latency) duringThrottling(ctx context.Context) error {
	return l.meanwhile(ctx, "throttling", "the new key of %d is throttled", func(ctx context.Context) error {
		const key = crowdKey + "-throttled"
		l.s.endpoint.MisbehaveFor(key, standin.Throttle(throttledRetryAfter))
		if err := l.s.client.Update(ctx, builders.KeySecretOf(crowdNamespace, crowdKey, key)); err != nil {
			return err
		}
		if err := pause(ctx, throttledFor); err != nil {
			return err
		}
		l.sayf("The endpoint throttles the key no longer, after %d requests", l.s.endpoint.Requests(key))
		l.s.endpoint.MisbehaveFor(key)
		healed := time.Now()
		if err := l.s.await(ctx, l.o, l.crowd, healed); err != nil {
			return err
		}
		l.note(fmt.Sprintf("a throttled key of %d: its end to URL", l.sessions), l.since(l.crowd, slices.Repeat([]time.Time{healed}, l.sessions)))
		return nil
	})
}

// duringLoss measures others while the crowd's key is deleted, until all their statuses say so.
func (l *latency) duringLoss(ctx context.Context) error {
	return l.meanwhile(ctx, "loss", "the key of %d is deleted", func(ctx context.Context) error {
		if err := l.s.client.Delete(ctx, builders.KeySecretOf(crowdNamespace, crowdKey, "")); err != nil {
			return err
		}
		return l.s.untilEvery(ctx, 5*time.Second, func() (string, error) {
			var list v1alpha1.BillingSessionList
			err := l.s.client.List(ctx, &list, client.InNamespace(crowdNamespace))
			told := 0
			for _, session := range list.Items {
				if slices.ContainsFunc(session.Status.Conditions, func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonKeySecretMissing }) {
					told++
				}
			}
			if told < l.sessions {
				return fmt.Sprintf("the loss of a key in %d statuses", l.sessions-told), err
			}
			return "", err
		})
	})
}

// duringDeletion measures others while the crowd's namespace is deleted. The Secrets go first,
// which is the order that tempts the manager most: it could still write them again.
func (l *latency) duringDeletion(ctx context.Context) error {
	return l.meanwhile(ctx, "deletion", "the namespace of %d is deleted", func(ctx context.Context) error {
		if err := l.s.client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: crowdNamespace}}); err != nil {
			return err
		}
		// What a cluster's namespace controller does. There is none here.
		if err := l.empty(ctx, &corev1.Secret{}); err != nil {
			return err
		}
		return l.empty(ctx, &v1alpha1.BillingSession{})
	})
}

// empty deletes all objects of a kind in the crowd's namespace. The API server ends such a call
// after a minute, with those deleted that it came to.
func (l *latency) empty(ctx context.Context, kind client.Object) error {
	for {
		err := l.s.client.DeleteAllOf(ctx, kind, client.InNamespace(crowdNamespace))
		if !apierrors.IsTimeout(err) {
			return err
		}
	}
}

// meanwhile measures other sessions while something happens to the crowd, and says what that
// cost. kind is of those other sessions, and what says what happens, with the crowd's number.
func (l *latency) meanwhile(ctx context.Context, kind, what string, happen func(context.Context) error) error {
	what = fmt.Sprintf(what, l.sessions)
	start, requests := time.Now(), l.s.endpoint.Total()
	before, err := cpu(l.manager.cmd.Process.Pid)
	if err := errors.Join(err, l.s.mark()); err != nil {
		return err
	}
	happened := make(chan error, 1)
	go func() { happened <- happen(ctx) }()
	waits, err := l.oneByOne(ctx, l.named(kind, l.samples), nil)
	if err := errors.Join(err, <-happened); err != nil {
		return err
	}
	l.note(fmt.Sprintf("while %s: creation to URL", what), waits)
	l.note(fmt.Sprintf("while %s: renewal time to URL", what), l.o.late(l.short, start, time.Now()))
	l.sayf("while %s: %d URLs expired before others came", what, l.o.expired(l.short, start, time.Now()))
	after, err := cpu(l.manager.cmd.Process.Pid)
	if err := errors.Join(err, l.s.read()); err != nil {
		return err
	}
	l.sayf("while %s: %d requests; the manager computed %.1f s, and called: %s", what, l.s.endpoint.Total()-requests, after-before, describe(l.s.tally()))
	return nil
}
