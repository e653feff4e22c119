package renewal

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// rule looks at the facts and either decides, or leaves it to the next.
type rule struct {
	name  string
	apply func(f Facts, p *Plan) (decided bool)
}

// rules are the policy, in order: the first that decides has the last word.
var rules = []rule{
	// A Secret that is not ours is never touched, and no request is spent on it.
	{"SecretIsForeign", leaveForeignSecret},
	// One of a deleted session of the same name goes by itself: wait for it.
	{"SecretAwaitsCollection", awaitCollection},
	// A new version of the key's Secret may hold another key: look before judging.
	{"KeyMayHaveChanged", readChangedKey},
	// A grant that is in memory only is written before anything else is spent,
	// unless what is held is better by now.
	{"GrantIsUnwritten", storeUnwritten},
	// A Secret that is gone or was edited is restored from the status.
	{"SecretIsGoneOrEdited", restoreSecret},
	// Labels and annotations are put in order; that costs no request.
	{"SecretIsUntidy", tidySecret},
	// A suspended session spends nothing; what it has stays.
	{"Suspended", obeySuspend},
	// After a failed write, find out that a grant could be stored before asking for
	// it, and also at rest: a failure that is over is not to be told until renewal.
	{"SecretCannotBeWritten", rehearseWrite},
	// Without a cause nothing is asked for.
	{"NothingToDo", restUntilDue},
	// Without a key nobody can ask, and a person must bring one.
	{"KeyIsNeeded", needKey},
	// One session never asks twice within ten seconds.
	{"AskedJustNow", keepFloor},
	// A throttled key pauses all of its sessions.
	{"KeyIsPaused", keepPause},
	// After a failure the next attempt waits, unless something new cuts the wait.
	{"RetryIsNotDue", keepWait},
	// Nothing is in the way.
	{"Ask", ask},
}

// Decide says what to do next for one session. The same facts always give the
// same plan.
func Decide(f Facts) Plan {
	var p Plan
	p.Held, p.Current = f.held()
	if p.Held != nil {
		p.Due = Due(p.Held, f.UID, f.RenewBefore)
	}
	p.Cause = f.cause(p)
	for _, r := range rules {
		if r.apply(f, &p) {
			p.Rule = r.name
			break
		}
	}
	if p.Step == Wait {
		p.Wake = f.wake(p)
	}
	return p
}

func leaveForeignSecret(f Facts, p *Plan) bool {
	if f.Secret != SecretForeign {
		return false
	}
	p.Blocked = v1alpha1.ReasonSecretConflict
	return true
}

func awaitCollection(f Facts, p *Plan) bool {
	if f.Secret != SecretUncollected {
		return false
	}
	p.Blocked = v1alpha1.ReasonAwaitingCollection
	return true
}

func readChangedKey(f Facts, p *Plan) bool {
	if f.Key != KeyUnread || p.Held == nil || !onlyKeyDiffers(p.Held.Inputs, f.Inputs) {
		return false
	}
	p.Step = ReadKey
	return true
}

func storeUnwritten(f Facts, p *Plan) bool {
	if !f.Unwritten.Alive(f.Now) || !Keep(f, f.Unwritten) {
		return false
	}
	return f.store(p, f.Unwritten)
}

func restoreSecret(f Facts, p *Plan) bool {
	gone := f.Secret == SecretAbsent || f.Secret == SecretEdited
	if !gone || !f.Shown.Alive(f.Now) {
		return false
	}
	return f.store(p, f.Shown)
}

// store writes the grant, or waits until a failed write may be tried again.
func (f Facts) store(p *Plan, g *Grant) bool {
	if !f.waitToWrite(p) {
		p.Step, p.Grant = Store, g
	}
	return true
}

func tidySecret(f Facts, p *Plan) bool {
	if f.Secret != SecretUntidy || f.Now.Before(f.writeWaitEnds()) {
		return false
	}
	p.Step = Tidy
	return true
}

func obeySuspend(f Facts, p *Plan) bool {
	if !f.Suspended {
		return false
	}
	p.Blocked = v1alpha1.ReasonSuspended
	return true
}

func restUntilDue(f Facts, p *Plan) bool {
	if p.Cause != NoCause {
		return false
	}
	p.Blocked, p.Wake = f.obstacle(), p.Due
	return true
}

func needKey(f Facts, p *Plan) bool {
	switch f.Key {
	case KeyUnread:
		p.Step = ReadKey
	case KeyMissing, KeyInvalid:
		p.Blocked = f.obstacle()
	case KeyRead:
		return false
	}
	return true
}

func rehearseWrite(f Facts, p *Plan) bool {
	if !f.Write.Failed {
		return false
	}
	if !f.waitToWrite(p) {
		p.Step = Rehearse
	}
	return true
}

func keepFloor(f Facts, p *Plan) bool { return f.waitUntil(p, f.floorEnds(), f.obstacle()) }

func keepPause(f Facts, p *Plan) bool {
	if !f.waitUntil(p, f.pauseEnds(), v1alpha1.ReasonThrottled) {
		return false
	}
	p.Wake = p.Wake.Add(f.afterPause(p.Held))
	return true
}

func keepWait(f Facts, p *Plan) bool { return f.waitUntil(p, f.waitEnds(), f.obstacle()) }

func ask(_ Facts, p *Plan) bool {
	p.Step = Ask
	return true
}

// waitUntil waits while end is ahead, because of what blocks.
func (f Facts) waitUntil(p *Plan, end time.Time, blocked string) bool {
	if !f.Now.Before(end) {
		return false
	}
	p.Blocked, p.Wake = blocked, end
	return true
}

func (f Facts) waitToWrite(p *Plan) bool { return f.waitUntil(p, f.writeWaitEnds(), f.obstacle()) }

// wake is when to decide again: when the rule says, when the grant expires or a
// write may be tried again, and in any case within ten minutes. It is never in the past.
func (f Facts) wake(p Plan) time.Time {
	wake := f.Now.Add(LongestTimer)
	instants := []time.Time{p.Wake, f.writeWaitEnds()}
	if p.Held != nil {
		instants = append(instants, p.Held.ExpiresAt())
	}
	for _, at := range instants {
		if at.After(f.Now) && at.Before(wake) {
			wake = at
		}
	}
	return wake
}
