package controllers

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// act takes the step of the plan, and leaves what came of it in the observation.
func (r *Reconciler) act(ctx context.Context, seen *observation, facts renewal.Facts, plan renewal.Plan) error {
	switch plan.Step {
	case renewal.ReadKey:
		return r.readKey(ctx, seen)
	case renewal.Ask:
		return r.ask(ctx, seen, facts, plan)
	case renewal.Store:
		return r.store(ctx, seen, plan.Grant)
	case renewal.Tidy:
		return r.write(ctx, seen, tidySecret(seen.session, seen.secret))
	case renewal.Rehearse:
		return r.rehearse(ctx, seen)
	case renewal.Wait:
	}
	return nil
}

func (r *Reconciler) readKey(ctx context.Context, seen *observation) error {
	key, err := r.keys.read(ctx, keyRefOf(seen.session), seen.key.version)
	if err != nil {
		return err
	}
	seen.learnKey(r, key)
	return nil
}

// ask spends a request, when it is the session's turn.
func (r *Reconciler) ask(ctx context.Context, seen *observation, facts renewal.Facts, plan renewal.Plan) error {
	name, id := client.ObjectKeyFromObject(seen.session), r.turns.keyID(seen.key.key)
	if !r.turns.Take(name, id, rankOf(seen.session, facts, plan)) {
		seen.memory.park(r.Clock.Now())
		return errParked
	}
	started := r.Clock.Now()
	// The call has a deadline of its own, which may be later than that of the pass.
	granted, err := r.Endpoint.Open(context.WithoutCancel(ctx), endpoint.Request{
		Key:               seen.key.key,
		Purge:             string(facts.Inputs.Purge),
		ExpirationSeconds: facts.Inputs.ExpirationSeconds,
	})
	answer, throttled, told := r.understand(granted, err, facts)
	answer.PausedUntil = r.turns.Done(name, id, throttled, told)
	seen.memory.asked = started
	r.Metrics.observeRequest(answer, r.Clock.Since(started))
	seen.remember(facts, answer, granted.URL)
	r.tell(ctx, seen, plan, answer)
	seen.learnKey(r, seen.key)
	return nil
}

// understand turns the endpoint's answer into what the schedule and the turns
// make of it.
func (r *Reconciler) understand(granted endpoint.Grant, err error, facts renewal.Facts) (a renewal.Answer, throttled bool, told time.Duration) {
	a.At = r.Clock.Now()
	if err == nil {
		a.Outcome = v1alpha1.OutcomeGranted
		a.Grant = &renewal.Grant{
			Expire: granted.Expire,
			// Whole seconds, as the Secret and the status keep them.
			Issued:      granted.Issued.Truncate(time.Second),
			Offset:      granted.Offset,
			Inputs:      facts.Inputs,
			Fingerprint: facts.Fingerprint,
		}
		return a, false, 0
	}
	a.Message = err.Error()
	var (
		rejection *endpoint.RejectedError
		throttle  *endpoint.ThrottledError
		malformed *endpoint.MalformedError
	)
	switch {
	case errors.As(err, &rejection):
		a.Outcome = v1alpha1.OutcomeRejected
	case errors.As(err, &throttle):
		a.Outcome = v1alpha1.OutcomeThrottled
		return a, true, throttle.RetryAfter
	case errors.As(err, &malformed):
		a.Outcome = v1alpha1.OutcomeMalformed
	default: // an endpoint.UnavailableError, or what nobody thought of
		a.Outcome = v1alpha1.OutcomeUnavailable
	}
	return a, false, 0
}

// remember keeps what came of a request until it is written.
func (seen *observation) remember(facts renewal.Facts, a renewal.Answer, url endpoint.URL) {
	rec := seen.memory
	if a.Grant != nil && renewal.Keep(facts, a.Grant) {
		rec.unwritten = &grant{Grant: *a.Grant, url: url}
	}
	if a.Grant != nil && a.Message == "" {
		a.Message = "the endpoint granted a URL that is to be renewed at once"
	}
	rec.attempted, rec.last, rec.lastFingerprint = true, renewal.After(facts, a), facts.Fingerprint
	if a.Outcome == v1alpha1.OutcomeGranted || a.Outcome == v1alpha1.OutcomeRejected {
		rec.handled = facts.RenewRequest
	}
}

// store writes a grant into the generated Secret.
func (r *Reconciler) store(ctx context.Context, seen *observation, timing *renewal.Grant) error {
	g, replaced := seen.memory.unwritten, seen.stored
	if g.timing() != timing {
		g, replaced = r.withFingerprint(ctx, seen, seen.shown), nil
	}
	secret, err := composeSecret(seen.session, seen.secret, g)
	if err != nil {
		return err
	}
	if err := r.write(ctx, seen, secret); err != nil {
		return err
	}
	if replaced != nil && !seen.memory.write.Failed {
		r.Metrics.observeRenewal(replaced.timing(), r.Clock.Now())
	}
	return nil
}

// withFingerprint completes a grant from the status, which holds nothing derived
// from the key, if the key can still be read at the version it was issued for.
func (r *Reconciler) withFingerprint(ctx context.Context, seen *observation, g *grant) *grant {
	if g.Inputs != r.inputs(seen) {
		return g
	}
	if err := r.readKey(ctx, seen); err != nil || seen.key.state != renewal.KeyRead || g.Inputs != r.inputs(seen) {
		return g
	}
	g.Fingerprint = fingerprint(seen.key.key, g.Inputs)
	return g
}

// write creates or updates the generated Secret. What cannot be written now is
// remembered, not returned: the next decision takes it into account.
func (r *Reconciler) write(ctx context.Context, seen *observation, secret *corev1.Secret) error {
	if r.sessionIsGone(ctx, seen.session) {
		return errGone
	}
	var err error
	if seen.secret == nil {
		err = r.Sessions.Create(ctx, secret)
	} else {
		err = r.Sessions.Update(ctx, secret)
	}
	if err != nil {
		return r.writeFailed(ctx, seen, err)
	}
	seen.memory.wroteSecret(secret, r.Clock.Now())
	seen.memory.tidied = tidied{secret.ResourceVersion, seen.session.Generation}
	seen.takeSecret(secret)
	if seen.secretState == renewal.SecretEdited {
		return r.writeFailed(ctx, seen, errAltered)
	}
	seen.memory.unwritten = nil
	return nil
}

// sessionIsGone says whether the session was deleted during the pass: a request
// takes a while.
func (r *Reconciler) sessionIsGone(ctx context.Context, session *v1alpha1.BillingSession) bool {
	var now v1alpha1.BillingSession
	if err := r.Sessions.Get(ctx, client.ObjectKeyFromObject(session), &now); err != nil {
		return apierrors.IsNotFound(err)
	}
	return now.UID != session.UID || now.DeletionTimestamp != nil
}

// rehearse finds out whether the generated Secret could be written, without
// writing it and without spending a request.
func (r *Reconciler) rehearse(ctx context.Context, seen *observation) error {
	var err error
	if secret := tidySecret(seen.session, seen.secret); seen.secret == nil {
		err = r.Sessions.Create(ctx, secret, client.DryRunAll)
	} else {
		err = r.Sessions.Update(ctx, secret, client.DryRunAll)
	}
	if err != nil {
		return r.writeFailed(ctx, seen, err)
	}
	seen.memory.writeWorked()
	return nil
}

// errAltered: what the API server stored is not what was written.
var errAltered = errors.New("altered on the way")

// longestWriteRetry bounds the wait after a failed write.
const longestWriteRetry = time.Minute

// writeFailed remembers why a write failed and when to try again.
func (r *Reconciler) writeFailed(ctx context.Context, seen *observation, err error) error {
	rec := seen.memory
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		rec.namespaceGone = true
		return errGone
	}
	wait := min(time.Second<<min(rec.writeFailures, 10), longestWriteRetry)
	rec.writeFailures++
	rec.write = renewal.WriteState{Failed: true, Refused: refused(err), RetryAt: r.Clock.Now().Add(wait)}
	rec.writeProblem, rec.refusedOn = problemOf(err), versionOf(seen.secret)
	if rec.readLive = apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err); rec.readLive {
		rec.writeProblem = "" // somebody else wrote meanwhile: that is no trouble
	}
	ctrl.LoggerFrom(ctx).Info("The generated Secret could not be written; it will be tried again",
		"secret", secretName(seen.session), "reason", apierrors.ReasonForError(err), "after", wait.String())
	return nil
}

// refused says whether a person must mend what made the write fail.
func refused(err error) bool {
	return errors.Is(err, errAltered) || apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsRequestEntityTooLargeError(err)
}
