package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Outlook is the controller's next decision about a session, not acted on.
type Outlook struct {
	// Session that it is about, as it was read.
	Session *v1alpha1.BillingSession
	// Facts that it was decided on.
	Facts renewal.Facts
	// Plan is the decision.
	Plan renewal.Plan
	// Status is what the controller would report of it.
	Status v1alpha1.BillingSessionStatus
	// SecretName is the name of the generated Secret.
	SecretName string
	// URL is the one that is alive; zero when Plan.Held is nil.
	URL endpoint.URL
}

// Foresee decides about a session at now as the controller would, and changes
// nothing. It reads the session, its neighbours and the two Secrets that it names,
// and returns errors of those reads wrapped; the outlook is nil when there is
// nothing to decide, as the session is gone or being deleted.
//
// What only the controller's process knows is left out: a grant that is not
// written yet, a request of the last ten seconds, its turn among other sessions.
func Foresee(ctx context.Context, live client.Reader, name types.NamespacedName, now time.Time) (*Outlook, error) {
	at := stopped{now: now}
	r := &Reconciler{
		Sessions: unindexed{live: live}, Generated: live, Live: live, Clock: at,
		memory: newMemory(), keys: newKeyRing(live), turns: newTurns(at, 0, 1, 1, nil),
	}
	seen, err := r.observe(ctx, name)
	if err != nil || seen == nil {
		return nil, err
	}
	if seen.key.state == renewal.KeyUnread {
		if err := r.readKey(ctx, seen); err != nil {
			return nil, err
		}
	}
	seen.memory.learnWrites(&seen.session.Status, now)
	if err := seen.learnPause(ctx, live); err != nil {
		return nil, err
	}
	r.Endpoint = lastAsked(&seen.session.Status)
	facts := r.facts(seen)
	plan := renewal.Decide(facts)
	o := &Outlook{
		Session: seen.session, Facts: facts, Plan: plan,
		Status: statusOf(seen, facts, plan), SecretName: secretName(seen.session),
	}
	if plan.Held != nil {
		o.URL = seen.lastGrant().url
	}
	return o, nil
}

// learnWrites takes from the status that the controller could not write the Secret.
func (r *record) learnWrites(status *v1alpha1.BillingSessionStatus, now time.Time) {
	for _, condition := range status.Conditions {
		if condition.Reason != v1alpha1.ReasonSecretWriteFailed {
			continue
		}
		_, r.writeProblem, _ = strings.Cut(condition.Message, ". ")
		r.write = renewal.WriteState{
			Failed:  true,
			Refused: meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionStalled),
			RetryAt: now.Add(longestWriteRetry),
		}
	}
}

// learnPause takes from the neighbours with the same key until when the endpoint
// asked everyone with it to wait, where the status says that the session waits.
func (seen *observation) learnPause(ctx context.Context, live client.Reader) error {
	waits := func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonThrottled }
	if !slices.ContainsFunc(seen.session.Status.Conditions, waits) {
		return nil
	}
	var neighbours v1alpha1.BillingSessionList
	if err := live.List(ctx, &neighbours, client.InNamespace(seen.session.Namespace)); err != nil {
		return fmt.Errorf("look for sessions with the same key: %w", err)
	}
	for i := range neighbours.Items {
		last := neighbours.Items[i].Status.LastAttempt
		if last == nil || last.Outcome != v1alpha1.OutcomeThrottled || last.NextTime == nil ||
			last.Inputs.KeySecretUID != seen.key.version.uid || last.Inputs.KeySecretKey != keyRefOf(seen.session).entry {
			continue
		}
		if last.NextTime.After(seen.pausedUntil) {
			seen.pausedUntil = last.NextTime.Time
		}
	}
	return nil
}

// unindexed reads without a cache, and finds sessions by the Secret that they name
// as the cache's index does. It never writes.
type unindexed struct {
	client.Client
	live client.Reader
}

func (u unindexed) Get(ctx context.Context, name types.NamespacedName, into client.Object, options ...client.GetOption) error {
	return u.live.Get(ctx, name, into, options...)
}

func (u unindexed) List(ctx context.Context, into client.ObjectList, options ...client.ListOption) error {
	var list client.ListOptions
	list.ApplyOptions(options)
	claimed, _ := list.FieldSelector.RequiresExactMatch(indexSecretName)
	sessions := into.(*v1alpha1.BillingSessionList) //nolint:forcetypeassert // nothing else is listed
	if err := u.live.List(ctx, sessions, client.InNamespace(list.Namespace)); err != nil {
		return err
	}
	items := sessions.Items
	sessions.Items = nil
	for i := range items {
		if slices.Contains(otherSecretName(&items[i]), claimed) {
			sessions.Items = append(sessions.Items, items[i])
		}
	}
	return nil
}

// lastAsked is the endpoint that was asked last as the status shows it: the
// controller's own, unless its flags have changed since.
func lastAsked(status *v1alpha1.BillingSessionStatus) Asker {
	switch {
	case status.LastAttempt != nil:
		return silent{url: status.LastAttempt.Inputs.Endpoint}
	case status.IssuedFor != nil:
		return silent{url: status.IssuedFor.Endpoint}
	}
	return silent{}
}

// silent is an endpoint that is never asked.
type silent struct {
	Asker
	url string
}

func (s silent) URL() string { return s.url }

// stopped is a clock that shows one time.
type stopped struct {
	clock.Clock
	now time.Time
}

func (s stopped) Now() time.Time { return s.now }
