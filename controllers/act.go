package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/apikey"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// act does the step of the plan, and returns what is known of the session afterwards.
func (r *Reconciler) act(ctx context.Context, seen observation, facts renewal.Facts, plan renewal.Plan) (observation, error) {
	switch plan.Step {
	case renewal.ReadKey:
		return r.readKey(ctx, seen)
	case renewal.Ask:
		return r.request(ctx, seen, facts, plan)
	case renewal.Store:
		return r.store(ctx, seen, facts, plan)
	case renewal.SyncMetadata:
		return r.write(ctx, seen, secret.WithMetadata(seen.session, seen.secret))
	case renewal.DryRun:
		return r.dryRunWrite(ctx, seen)
	case renewal.Wait:
	}
	return seen, nil
}

func (r *Reconciler) readKey(ctx context.Context, seen observation) (observation, error) {
	key, err := r.reader.keys.Load(ctx, apikey.RefOf(seen.session), seen.key.Version)
	if err != nil {
		return seen, err
	}
	return r.reader.withKey(seen, key), nil
}

// request asks the endpoint for a URL, when it is the session's turn. Otherwise the session
// is queued, and woken when its turn comes.
func (r *Reconciler) request(ctx context.Context, seen observation, facts renewal.Facts, plan renewal.Plan) (observation, error) {
	name, key := client.ObjectKeyFromObject(seen.session), r.dispatcher.KeyID(seen.key.Key)
	// Two sessions that name one Secret in the same instant do not see each other yet.
	if asks, _ := r.asking.LoadOrStore(generatedName(seen.session), name); asks != name {
		return seen, errTwinAsks
	}
	turn, ok := r.dispatcher.TryAcquire(name, key, priorityOf(seen.session, facts, plan))
	if !ok {
		seen.local.attempts.queue(r.clock.Now())
		seen.isQueued = true
		return seen, nil
	}
	defer turn.Abandon() // a panic would otherwise take the slot with it, and lock the key
	if !r.leads() {
		return seen, errNotLeading
	}
	seen.local.attempts.leaveQueue()
	asked := r.clock.Now()
	// The call has a deadline of its own, which may be later than that of the pass.
	grant, err := r.endpoint.IssueURL(context.WithoutCancel(ctx), endpoint.Request{
		Key:               seen.key.Key,
		Purge:             string(facts.Inputs.Purge),
		ExpirationSeconds: facts.Inputs.ExpirationSeconds,
	})
	seen.requestTook = r.clock.Since(asked)
	result, answered := toResult(grant, err, facts, r.clock.Now())
	if !answered {
		return seen, fmt.Errorf("ask the endpoint: %w", err)
	}
	result.PausedUntil = turn.Release(throttling(err))
	if result.Grant != nil && renewal.Replaces(facts, result.Grant) {
		seen.local.pending.keep(&secret.Grant{Grant: *result.Grant, URL: grant.URL})
	}
	seen.local.attempts.record(facts, asked, result)
	r.metrics.ObserveRequest(result, seen.requestTook)
	logResult(ctx, seen.local.attempts.last, plan, result)
	return r.reader.withKey(seen, seen.key), nil // the answer may have paused the key
}

// toResult converts the endpoint's answer for the schedule. It returns false when there was
// no answer: nothing was sent, or the request was abandoned.
func toResult(grant endpoint.Grant, err error, facts renewal.Facts, now time.Time) (renewal.Result, bool) {
	outcome, answered := endpoint.OutcomeOf(err)
	result := renewal.Result{At: now, Outcome: v1alpha1.Outcome(outcome)}
	if err != nil {
		result.Message = status.Truncate(err.Error(), v1alpha1.MaxAttemptMessageLength)
		return result, answered
	}
	result.Message = "the endpoint granted a URL that is due for renewal at once"
	result.Grant = &renewal.Grant{
		Expire: grant.Expire,
		// Whole seconds, as the Secret and the status keep them.
		Issued:      grant.Issued.Truncate(time.Second),
		Offset:      grant.Offset,
		Inputs:      facts.Inputs,
		Fingerprint: facts.Fingerprint,
	}
	return result, answered
}

// throttling reports whether the endpoint throttled the key, and for how long it asked to
// wait; zero when it did not say.
func throttling(err error) (throttled bool, retryAfter time.Duration) {
	var throttle *endpoint.ThrottledError
	if errors.As(err, &throttle) {
		return true, throttle.RetryAfter
	}
	return false, 0
}

// store writes a grant into the generated Secret.
func (r *Reconciler) store(ctx context.Context, seen observation, facts renewal.Facts, plan renewal.Plan) (observation, error) {
	grant := seen.local.pending.grant
	if plan.Source == renewal.FromStatus {
		grant = r.withFingerprint(ctx, seen, facts.Inputs)
	}
	composed, err := secret.Compose(seen.session, seen.secret, grant)
	if err != nil {
		return seen, err
	}
	next, err := r.write(ctx, seen, composed)
	if err != nil || next.local.pending.state.Failed {
		return next, err
	}
	next.local.pending.stored(plan.Source)
	if plan.Source == renewal.FromMemory {
		r.metrics.ObserveStored(seen.session, facts, plan, r.clock.Now())
	}
	return next, nil
}

// withFingerprint is the grant of the status, with its fingerprint. The status holds nothing
// derived from the key, so the fingerprint is computed anew. It stays empty if the key cannot be
// read at the version that the grant was issued for: without it the URL is as good as before.
func (r *Reconciler) withFingerprint(ctx context.Context, seen observation, today v1alpha1.Inputs) *secret.Grant {
	grant := seen.inStatus
	if grant.Inputs != today {
		return grant
	}
	read, err := r.readKey(ctx, seen)
	if err != nil || read.key.State != renewal.KeyRead || grant.Inputs != read.inputsFor(today.Endpoint) {
		return grant
	}
	complete := *grant
	complete.Fingerprint = secret.Fingerprint(read.key.Key, grant.Inputs)
	return &complete
}

// write creates or updates the generated Secret. A failure is remembered, not returned: the
// next decision takes it into account.
func (r *Reconciler) write(ctx context.Context, seen observation, desired *corev1.Secret) (observation, error) {
	if r.isGone(ctx, seen.session) {
		return seen, errGone
	}
	if err := put(ctx, r.client, seen, desired); err != nil {
		return seen, r.writeFailed(ctx, seen, err)
	}
	seen.local.secret.wrote(desired.ResourceVersion, r.clock.Now())
	seen.local.intact = intactSecret{at: writeOf(seen.session, desired)}
	next := inspected(seen, desired, true, secret.Read(desired, r.reader.checkURL))
	if next.secretState == renewal.SecretEdited {
		next.local.intact = intactSecret{}
		return next, r.writeFailed(ctx, next, errAltered)
	}
	next.local.pending.succeeded(r.clock.Now())
	return next, nil
}

// put creates the generated Secret or brings it to what is desired, provided that it is still the
// one that was seen. Of one that was not read, only what differs from its metadata is sent. That
// cannot remove a key of the template, but one that was dropped changes the generation, and then the
// Secret is read.
func put(ctx context.Context, to client.Client, seen observation, desired *corev1.Secret) error {
	switch {
	case seen.secret == nil:
		return to.Create(ctx, desired)
	case seen.isWhole:
		return to.Update(ctx, desired)
	}
	return to.Patch(ctx, desired, client.MergeFromWithOptions(seen.secret, client.MergeFromWithOptimisticLock{}))
}

// isGone reports whether the session was deleted during the pass, which a request can make
// long.
func (r *Reconciler) isGone(ctx context.Context, session *v1alpha1.BillingSession) bool {
	var now v1alpha1.BillingSession
	if err := r.client.Get(ctx, client.ObjectKeyFromObject(session), &now); err != nil {
		return apierrors.IsNotFound(err)
	}
	return now.UID != session.UID || now.DeletionTimestamp != nil
}

// dryRunWrite finds out whether the generated Secret could be written, without writing it
// and without spending a request.
func (r *Reconciler) dryRunWrite(ctx context.Context, seen observation) (observation, error) {
	desired, err := secret.Rehearsal(seen.session, seen.secret)
	if err != nil {
		return seen, err
	}
	err = put(ctx, client.NewDryRunClient(r.client), seen, desired)
	if err == nil && !secret.IsIntact(desired) {
		err = errAltered
	}
	if err != nil {
		return seen, r.writeFailed(ctx, seen, err)
	}
	seen.local.pending.mayRetry()
	return seen, nil
}

// errAltered: what the API server stored is not what was written.
var errAltered = errors.New("altered on its way")

// writeFailed remembers why a write failed and when to try again.
func (r *Reconciler) writeFailed(ctx context.Context, seen observation, err error) error {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		seen.local.namespaceGone = true
		return errGone
	}
	name := secret.NameFor(seen.session)
	state := renewal.WriteState{
		Refused:    needsPerson(err),
		Conflicted: apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err),
	}
	message := status.UnwrittenSecret(name, err)
	if errors.Is(err, errAltered) {
		message = status.AlteredSecret(name)
	}
	wait := seen.local.pending.failed(state, message, writeOf(seen.session, seen.secret), r.clock.Now())
	ctrl.LoggerFrom(ctx).Info("The generated Secret could not be written; it will be tried again",
		"secret", name, "reason", apierrors.ReasonForError(err), "after", wait.String())
	return nil
}

// needsPerson reports whether a person must remove what made the write fail.
func needsPerson(err error) bool {
	return errors.Is(err, errAltered) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsRequestEntityTooLargeError(err)
}
