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
	// contested reports whether it failed because somebody else keeps changing the Secret.
	contested bool
	// failures is how many writes in a row failed.
	failures int
	// failedOn is the write that failed, zero when no write of this process did.
	failedOn attemptedWrite
}

const (
	// maxWriteRetry caps the wait after a failed write.
	maxWriteRetry = time.Minute
	// maxRefusedRetry caps the wait after a write that a person must make possible.
	maxRefusedRetry = renewal.MaxRequeue
)

func (p *pendingWrite) keep(grant *secret.Grant) { p.grant = grant }

// stored drops the grant once the Secret holds it.
func (p *pendingWrite) stored(source renewal.Source) {
	if source == renewal.FromMemory {
		p.grant = nil
	}
}

// succeeded ends a row of failures.
func (p *pendingWrite) succeeded() {
	p.mayRetry()
	p.contested, p.failures = false, 0
}

// failed remembers a failure and returns the wait until the next attempt, which doubles
// from a second to the cap of its kind. A conflict after other failures begins anew: the API
// server answers again, and a live read settles it.
func (p *pendingWrite) failed(state renewal.WriteState, message string, on attemptedWrite, now time.Time) time.Duration {
	if p.state.Failed && !p.state.Conflicted && state.Conflicted {
		p.failures = 0
	}
	longest := maxWriteRetry
	if state.Refused {
		longest = maxRefusedRetry
	}
	wait := min(time.Second<<min(p.failures, 10), longest)
	p.failures++
	p.contested = false
	state.Failed, state.RetryAt = true, now.Add(wait)
	p.state, p.message, p.failedOn = state, message, on
	return wait
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

// yield makes the next write wait, as somebody else keeps undoing ours.
func (p *pendingWrite) yield(wait time.Duration, message string, now time.Time) {
	p.state = renewal.WriteState{Failed: true, Refused: true, RetryAt: now.Add(wait)}
	p.message, p.contested = message, true
}

const (
	// contestWindow is the period in which two restores are made at once.
	contestWindow = time.Minute
	// maxContestRetry caps the wait before a restore of a Secret that somebody else keeps
	// changing.
	maxContestRetry = time.Minute
)

// contest tells a single edit of the generated Secret, which is undone at once, from
// somebody who undoes each of our writes, such as another controller. Without it the two
// would write as fast as the API server lets them.
type contest struct {
	// version is our write that was undone last.
	version string
	// restores are the times of the last two restores, the older first.
	restores [2]time.Time
	waits    int
}

// undone notes that somebody undid our write of this version, and returns how long to wait
// before it is restored. first is false when it was noted before.
func (c *contest) undone(version string, now time.Time) (wait time.Duration, first bool) {
	if c.version == version && !c.restores[1].IsZero() {
		return 0, false
	}
	goesOn := c.waits > 0 && now.Sub(c.restores[1]) < contestWindow+maxContestRetry
	if goesOn || now.Sub(c.restores[0]) < contestWindow {
		wait = min(time.Second<<min(c.waits, 10), maxContestRetry)
		c.waits++
	} else {
		c.waits = 0
	}
	c.version, c.restores = version, [2]time.Time{c.restores[1], now.Add(wait)}
	return wait, true
}
