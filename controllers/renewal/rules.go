package renewal

import (
	"cmp"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Rule names a rule of the policy.
type Rule string

// The rules, in their order.
const (
	RuleSecretIsForeign        Rule = "SecretIsForeign"
	RuleSecretAwaitsCollection Rule = "SecretAwaitsCollection"
	RuleKeyMayHaveChanged      Rule = "KeyMayHaveChanged"
	RuleGrantIsUnsaved         Rule = "GrantIsUnsaved"
	RuleSecretIsGoneOrEdited   Rule = "SecretIsGoneOrEdited"
	RuleSecretHasDrifted       Rule = "SecretHasDrifted"
	RuleSuspended              Rule = "Suspended"
	RuleSecretCannotBeWritten  Rule = "SecretCannotBeWritten"
	RuleNothingToDo            Rule = "NothingToDo"
	RuleKeyIsNeeded            Rule = "KeyIsNeeded"
	RuleAskedJustNow           Rule = "AskedJustNow"
	RuleKeyIsPaused            Rule = "KeyIsPaused"
	RuleRetryIsNotDue          Rule = "RetryIsNotDue"
	RuleAwaitsItsTurn          Rule = "AwaitsItsTurn"
	RuleAsk                    Rule = "Ask"
)

// rules are the policy, in order. Each rule either decides and completes the plan, or
// leaves the decision to the next one.
var rules = []struct {
	name    Rule
	decides func(f Facts, p *Plan) bool
}{
	// A Secret that is not ours is never touched, and no request is spent on it.
	{RuleSecretIsForeign, secretIsForeign},
	// Garbage collection removes the Secret of a deleted session of the same name.
	{RuleSecretAwaitsCollection, secretAwaitsCollection},
	// A new version of the key's Secret may hold another key: read it before deciding.
	{RuleKeyMayHaveChanged, keyMayHaveChanged},
	// A grant that only this process holds is written before another request is spent,
	// unless one that lives longer is active by now.
	{RuleGrantIsUnsaved, grantIsUnsaved},
	// A Secret that is gone or was edited is restored from the status.
	{RuleSecretIsGoneOrEdited, secretIsGoneOrEdited},
	// Labels, annotations and owner are brought in line, which costs no request.
	{RuleSecretHasDrifted, secretHasDrifted},
	// A suspended session spends no request and keeps what it has.
	{RuleSuspended, suspended},
	// After a failed write, a dry run shows whether a grant could be stored before one is
	// asked for. At rest it ends a failure that is over: the status would otherwise show
	// it until renewal.
	{RuleSecretCannotBeWritten, secretCannotBeWritten},
	// Without a cause no request is spent.
	{RuleNothingToDo, nothingToDo},
	// A request needs the key. It is read now, or a person must provide it first.
	{RuleKeyIsNeeded, keyIsNeeded},
	// One session never asks twice within ten seconds, whatever people do.
	{RuleAskedJustNow, askedJustNow},
	// A throttled key pauses all sessions that use it.
	{RuleKeyIsPaused, keyIsPaused},
	// After a failure the next attempt waits, unless changed inputs or a new renew token
	// cut the wait short.
	{RuleRetryIsNotDue, retryIsNotDue},
	// The rate limit and the slots let only some sessions ask at a time.
	{RuleAwaitsItsTurn, awaitsItsTurn},
	// Nothing is in the way.
	{RuleAsk, ask},
}

// Rules are the rules in the order in which they are tried.
func Rules() []Rule {
	names := make([]Rule, len(rules))
	for i, r := range rules {
		names[i] = r.name
	}
	return names
}

// Decide returns what to do next for one session. The same facts always give the
// same plan.
func Decide(f Facts) Plan {
	var p Plan
	p.Active, p.UpToDate = f.active()
	if p.Active != nil {
		p.Due = Due(p.Active, f.UID, f.RenewBefore)
	}
	p.Cause = f.cause(p)
	for _, r := range rules {
		if r.decides(f, &p) {
			p.Rule = r.name
			break
		}
	}
	if p.Step == Wait {
		p.RequeueAt = f.requeueAt(p)
	}
	return p
}

func secretIsForeign(f Facts, p *Plan) bool {
	if f.Secret != SecretForeign {
		return false
	}
	p.Blocked = v1alpha1.ReasonSecretConflict
	return true
}

func secretAwaitsCollection(f Facts, p *Plan) bool {
	if f.Secret != SecretOfPredecessor {
		return false
	}
	p.Blocked = v1alpha1.ReasonAwaitingCollection
	return true
}

func keyMayHaveChanged(f Facts, p *Plan) bool {
	if f.Key != KeyUnread || p.Active == nil || !onlyKeyDiffers(p.Active.Inputs, f.Inputs) {
		return false
	}
	p.Step = ReadKey
	return true
}

func grantIsUnsaved(f Facts, p *Plan) bool {
	if !f.Unsaved.Alive(f.Now) || !Replaces(f, f.Unsaved) {
		return false
	}
	return f.store(p, FromMemory)
}

func secretIsGoneOrEdited(f Facts, p *Plan) bool {
	gone := f.Secret == SecretAbsent || f.Secret == SecretEdited
	if !gone || !f.InStatus.Alive(f.Now) {
		return false
	}
	return f.store(p, FromStatus)
}

// store writes the grant, or waits until a failed write may be tried again.
func (f Facts) store(p *Plan, source Source) bool {
	if !f.waitToWrite(p) {
		p.Step, p.Source = Store, source
	}
	return true
}

func secretHasDrifted(f Facts, p *Plan) bool {
	if f.Secret != SecretDrifted || f.Now.Before(f.writeWaitEnds()) {
		return false
	}
	p.Step = SyncMetadata
	return true
}

func suspended(f Facts, p *Plan) bool {
	if !f.Suspended {
		return false
	}
	p.Blocked = v1alpha1.ReasonSuspended
	return true
}

func secretCannotBeWritten(f Facts, p *Plan) bool {
	if !f.Write.Failed {
		return false
	}
	if !f.waitToWrite(p) {
		p.Step = DryRun
	}
	return true
}

func nothingToDo(f Facts, p *Plan) bool {
	if p.Cause != NoCause {
		return false
	}
	p.Blocked, p.RequeueAt = f.obstacle(), p.Due
	return true
}

func keyIsNeeded(f Facts, p *Plan) bool {
	switch f.Key {
	case KeyUnread:
		p.Step = ReadKey
	case KeyMissing, KeyForbidden, KeyInvalid:
		p.Blocked, p.RequeueAt = f.obstacle(), f.keyGraceEnds()
	case KeyRead:
		return false
	}
	return true
}

func askedJustNow(f Facts, p *Plan) bool {
	return f.waitUntil(p, f.minIntervalEnds(), f.obstacle())
}

func keyIsPaused(f Facts, p *Plan) bool {
	if !f.waitUntil(p, f.pauseEnds(), v1alpha1.ReasonThrottled) {
		return false
	}
	p.RequeueAt = p.RequeueAt.Add(f.pauseStagger(p.Active))
	return true
}

func retryIsNotDue(f Facts, p *Plan) bool { return f.waitUntil(p, f.waitEnds(), f.obstacle()) }

func awaitsItsTurn(f Facts, p *Plan) bool {
	if f.QueuedSince.IsZero() {
		return false
	}
	p.Blocked = cmp.Or(f.obstacle(), v1alpha1.ReasonQueued)
	reportAt := f.QueuedSince.Add(statusDelay)
	if p.Quiet = !f.Observed || f.Now.Before(reportAt) && !p.showsDeadURL(f); p.Quiet && f.Observed {
		p.RequeueAt = reportAt
	}
	return true
}

func ask(_ Facts, p *Plan) bool {
	p.Step = Ask
	return true
}

// waitUntil completes the plan with a wait for end, and with the reason that blocks the
// request. It leaves the plan alone and returns false if end is not ahead.
func (f Facts) waitUntil(p *Plan, end time.Time, blocked string) bool {
	if !f.Now.Before(end) {
		return false
	}
	p.Blocked, p.RequeueAt = blocked, end
	return true
}

func (f Facts) waitToWrite(p *Plan) bool { return f.waitUntil(p, f.writeWaitEnds(), f.obstacle()) }

// requeueAt is when to decide again: the first of what the rule says, the expiry of the
// active grant, the next attempt to write and the next look at a key that may not be read, as
// no watch reports a new permission. It is within MaxRequeue, and never in the past.
func (f Facts) requeueAt(p Plan) time.Time {
	at := f.Now.Add(MaxRequeue)
	instants := []time.Time{p.RequeueAt, f.writeWaitEnds()}
	if f.Key == KeyForbidden {
		instants = append(instants, f.Now.Add(forbiddenKeyRetry))
	}
	if p.Active != nil {
		instants = append(instants, p.Active.ExpiresAt())
	}
	for _, instant := range instants {
		if instant.After(f.Now) && instant.Before(at) {
			at = instant
		}
	}
	return at
}
