package controllers

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/secret"
	"github.com/xtracta/billing-operator/controllers/status"
)

// pendingWrite is a write of the generated Secret that has failed or is still to be made.
type pendingWrite struct {
	// grant is a grant that the Secret does not hold yet.
	grant *secret.Grant
	// state is the result of the last write, and message says why it failed.
	state   renewal.WriteState
	message string
	// contested reports whether it failed because somebody else keeps undoing our writes.
	contested bool
	// failures is how many writes in a row failed. One that was undone soon failed, too.
	failures int
	// writtenAt is when the last write succeeded; zero if it failed or was undone.
	writtenAt time.Time
	// failedOn is the write that failed, zero when no write of this process did.
	failedOn attemptedWrite
}

const (
	// maxWriteRetry caps the wait after a failed write.
	maxWriteRetry = time.Minute
	// maxRefusedRetry caps the wait after a write that a person must make possible.
	maxRefusedRetry = renewal.MaxRequeue
	// undoneSoon is how long a write must stay to have succeeded.
	undoneSoon = time.Minute
	// freeRestores is how many writes that were undone soon are made again at once.
	freeRestores = 2
	// assumedFailures is how many failures the status stands for after a restart. The next wait is
	// half a minute: the process knows that the write was refused, but not how often.
	assumedFailures = 5
)

func (p *pendingWrite) keep(grant *secret.Grant) { p.grant = grant }

// stored drops the grant once the Secret holds it.
func (p *pendingWrite) stored(source renewal.Source) {
	if source == renewal.FromMemory {
		p.grant = nil
	}
}

// succeeded notes a write that can be read back. It ends the wait, but not the row of failures:
// somebody may undo it.
func (p *pendingWrite) succeeded(now time.Time) {
	p.mayRetry()
	p.contested, p.writtenAt = false, now
}

// failed remembers a failure and returns the wait until the next attempt. A conflict after other
// failures begins anew, as the API server answers again; but not in a fight over the Secret.
func (p *pendingWrite) failed(state renewal.WriteState, message string, on attemptedWrite, now time.Time) time.Duration {
	if p.state.Failed && !p.state.Conflicted && state.Conflicted && !p.contested {
		p.failures = 0
	}
	longest := maxWriteRetry
	if state.Refused {
		longest = maxRefusedRetry
	}
	p.endRow(now)
	wait := backoff(p.failures, longest)
	p.failures++
	p.contested = false
	state.Failed, state.RetryAt = true, now.Add(wait)
	p.state, p.message, p.failedOn = state, message, on
	return wait
}

// undone notes that somebody undid our last write. It tells a single edit of the generated Secret,
// which is undone at once, from somebody who undoes each of our writes, such as another
// controller: the two would write as fast as the API server lets them.
func (p *pendingWrite) undone(message, uid string, now time.Time) {
	if p.writtenAt.IsZero() {
		return // it was noted, or is not ours
	}
	p.endRow(now)
	if p.failures++; p.failures <= freeRestores {
		return
	}
	wait := backoff(p.failures-freeRestores-1, maxWriteRetry)
	wait += renewal.Spread(uid, now, wait/4)
	p.state = renewal.WriteState{Failed: true, Refused: true, RetryAt: now.Add(wait)}
	p.message, p.contested = message, true
}

// endRow ends a row of failures if the last write has stayed.
func (p *pendingWrite) endRow(now time.Time) {
	if !p.writtenAt.IsZero() && now.Sub(p.writtenAt) >= undoneSoon {
		p.failures = 0
	}
	p.writtenAt = time.Time{}
}

// backoff is a second, doubled for each failure before, at most longest.
func backoff(failures int, longest time.Duration) time.Duration {
	return min(time.Second<<min(failures, 10), longest)
}

// mayRetry allows the next write after a dry run has succeeded. The failures still count:
// only a write that can be read back shows that nothing changes it on its way.
func (p *pendingWrite) mayRetry() { p.state, p.message = renewal.WriteState{}, "" }

// retryIfChanged ends the wait after a refused write once the Secret or the session is
// another: what was in the way, such as the Secret's being immutable or a wrong label in the
// template, may be gone.
func (p *pendingWrite) retryIfChanged(now attemptedWrite) {
	if p.state.Refused && !p.contested && p.failedOn != (attemptedWrite{}) && now != p.failedOn {
		p.state.RetryAt = time.Time{}
	}
}

// assume takes from the status that an earlier process could not write the Secret, and why.
// A dry run then comes before any request: after a restart of the operator, all sessions of a
// namespace over its quota would otherwise spend a request each for nothing.
func (p *pendingWrite) assume(session *v1alpha1.BillingSession, now time.Time) {
	s := &session.Status
	for _, condition := range s.Conditions {
		if condition.Reason != v1alpha1.ReasonSecretWriteFailed {
			continue
		}
		p.failures = assumedFailures
		p.message = status.Truncate(condition.Message, v1alpha1.MaxAttemptMessageLength) // anybody may have written it
		p.state = renewal.WriteState{
			Failed:  true,
			Refused: meta.IsStatusConditionTrue(s.Conditions, v1alpha1.ConditionStalled),
			RetryAt: now.Add(renewal.Spread(string(session.UID), session.CreationTimestamp.Time, maxWriteRetry)),
		}
	}
}

// attemptedWrite is what a write depends on: the version of the Secret, empty when there is
// none, and the generation of the session.
type attemptedWrite struct {
	version    string
	generation int64
}

func writeOf(session *v1alpha1.BillingSession, s *corev1.Secret) attemptedWrite {
	if s == nil {
		return attemptedWrite{generation: session.Generation}
	}
	return attemptedWrite{s.ResourceVersion, session.Generation}
}
