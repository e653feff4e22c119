package renewal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// decision is what a row expects of a plan.
type decision struct {
	Rule    renewal.Rule
	Step    renewal.Step
	Cause   renewal.Cause
	Blocked string
	// Active tells where the grant that is alive comes from, empty if there is none.
	Active   string
	UpToDate bool
	// Store tells where the grant to be written comes from.
	Store string
	// Quiet tells that the status is not written.
	Quiet bool
}

func decisionOf(f renewal.Facts, p renewal.Plan) decision {
	return decision{
		Rule: p.Rule, Step: p.Step, Cause: p.Cause, Blocked: p.Blocked,
		Active: origin(f, p.Active), UpToDate: p.UpToDate, Store: sources[p.Source], Quiet: p.Quiet,
	}
}

var sources = map[renewal.Source]string{renewal.NoSource: "", renewal.FromMemory: "memory", renewal.FromStatus: "status"}

func origin(f renewal.Facts, g *renewal.Grant) string {
	switch g {
	case nil:
		return ""
	case f.InSecret:
		return "Secret"
	case f.InStatus:
		return "status"
	case f.Unsaved:
		return "memory"
	}
	return "nowhere"
}

// row is one decision, and why it is worth a row.
type row struct {
	why   string
	facts renewal.Facts
	want  decision
	// wake, where it matters, is how long after now (or what in the plan) ends the wait.
	wake func(p renewal.Plan) time.Time
}

func in(d time.Duration) func(renewal.Plan) time.Time {
	return func(renewal.Plan) time.Time { return now.Add(d) }
}

// inWhole is as in, for instants that the status keeps in whole seconds.
func inWhole(d time.Duration) func(renewal.Plan) time.Time {
	return func(renewal.Plan) time.Time { return now.Add(d).Truncate(time.Second) }
}

func whenDue(p renewal.Plan) time.Time    { return p.Due }
func atExpiry(p renewal.Plan) time.Time   { return p.Active.ExpiresAt() }
func atLongest(renewal.Plan) time.Time    { return now.Add(10 * time.Minute) }
func whenWritable(renewal.Plan) time.Time { return now.Add(20 * time.Second) }

// Decisions that many rows share.
var (
	atRest     = decision{Rule: "NothingToDo", Active: "Secret", UpToDate: true}
	firstIssue = decision{Rule: "Ask", Step: renewal.Ask, Cause: renewal.NoneAlive}
	renewDue   = decision{Rule: "Ask", Step: renewal.Ask, Cause: renewal.RenewalDue, Active: "Secret", UpToDate: true}
	askAnew    = decision{Rule: "Ask", Step: renewal.Ask, Cause: renewal.InputsChanged, Active: "Secret"}
	answer     = decision{Rule: "Ask", Step: renewal.Ask, Cause: renewal.Requested, Active: "Secret", UpToDate: true}
	restore    = decision{Rule: "SecretIsGoneOrEdited", Step: renewal.Store, Active: "status", UpToDate: true, Store: "status"}
)

// More of them, of Secrets and keys.
var (
	foreign      = but(firstIssue, blockedBy("SecretIsForeign", v1alpha1.ReasonSecretConflict))
	storeFirst   = but(firstIssue, stores)
	readKey      = decision{Rule: "KeyIsNeeded", Step: renewal.ReadKey, Cause: renewal.NoneAlive}
	syncMetadata = decision{Rule: "SecretHasDrifted", Step: renewal.SyncMetadata, Active: "Secret", UpToDate: true}
	readNewKey   = decision{Rule: "KeyMayHaveChanged", Step: renewal.ReadKey, Active: "Secret", UpToDate: true}
)

// but changes a shared decision.
func but(d decision, change func(*decision)) decision { change(&d); return d }

// saying adds a reason to a decision that is otherwise the same.
func saying(reason string) func(*decision) { return func(d *decision) { d.Blocked = reason } }

func blockedBy(rule renewal.Rule, reason string) func(*decision) {
	return func(d *decision) { d.Rule, d.Step, d.Blocked = rule, renewal.Wait, reason }
}

// What the rules that are named more than once make of a decision.
var (
	suspends     = blockedBy("Suspended", v1alpha1.ReasonSuspended)
	askedJustNow = blockedBy("AskedJustNow", "")
	keyPaused    = blockedBy("KeyIsPaused", v1alpha1.ReasonThrottled)
)

func stores(d *decision) { d.Rule, d.Step, d.Store = "GrantIsUnsaved", renewal.Store, "memory" }

func keyless(reason string) func(*decision) { return blockedBy("KeyIsNeeded", reason) }

func unwritable(rule renewal.Rule) func(*decision) {
	return blockedBy(rule, v1alpha1.ReasonSecretWriteFailed)
}

func retryWaits(reason string) func(*decision) { return blockedBy("RetryIsNotDue", reason) }

var causes = []row{
	{"a session that has nothing asks for its first URL", rest(empty), firstIssue, nil},
	{"a URL is dead at the very instant of its expiry",
		rest(holds(fresh()), func(f *renewal.Facts) { f.Now = f.InSecret.Expire }), firstIssue, nil},
	{"a URL lives to the last moment before its expiry",
		rest(holds(fresh()), func(f *renewal.Facts) { f.Now = f.InSecret.Expire.Add(-time.Nanosecond) }), renewDue, nil},
	{"what is due is asked for while the old URL still works", rest(holds(due())), renewDue, nil},
	{"renewal is due at its instant, not after it",
		rest(func(f *renewal.Facts) { f.Now = renewal.Due(f.InSecret, uid, 0) }), renewDue, nil},
	{"and not before it",
		rest(func(f *renewal.Facts) { f.Now = renewal.Due(f.InSecret, uid, 0).Add(-time.Nanosecond) }), atRest, nil},
	{"another purge wants another URL", rest(holds(fresh(older))), askAnew, nil},
	{"a new value of the key wants another URL", rest(rotated), askAnew, nil},
	{"what is due and for older inputs counts as the latter: its URL is not for today's inputs",
		rest(holds(due(older))), askAnew, nil},
	{"after a restart with another endpoint the inputs are known to differ before the key is read",
		rest(restarted, func(f *renewal.Facts) { f.Inputs.Endpoint = "https://b.example" }),
		decision{Rule: "KeyIsNeeded", Step: renewal.ReadKey, Cause: renewal.InputsChanged, Active: "Secret"}, nil},
	{"a Secret that was put back as it once was holds a dead URL, whatever the status shows",
		rest(holds(dead()), shows(fresh(unprinted))), firstIssue, nil},
	{"a new token asks for a fresh URL", rest(token("t1")), answer, nil},
	{"a token that was answered asks for nothing", rest(token("t1"), handled("t1")), atRest, whenDue},
	{"a larger renewBefore can make a URL due at once",
		rest(holds(grant(2*m, 10*m)), renewBefore(8*m)), renewDue, nil},
}

var restingRows = []row{
	{"a fresh URL is left alone until it is due", rest(), atRest, whenDue},
	{"no timer is longer than ten minutes, so that a machine that slept wakes up right",
		rest(holds(grant(m, 72*time.Hour))), atRest, atLongest},
	{"a restart at rest spends no request and does not even read the key", rest(restarted), atRest, nil},
	{"edited labels are put in order without a request", rest(secret(renewal.SecretDrifted)), syncMetadata, nil},
	{"a deleted Secret is restored from the status", rest(secret(renewal.SecretAbsent)), restore, nil},
	{"an edited Secret is restored from the status", rest(secret(renewal.SecretEdited)), restore, nil},
	{"a deleted Secret is restored also after a restart, before anything is known of the key's value",
		rest(secret(renewal.SecretAbsent), restarted), restore, nil},
	{"a deleted Secret is restored even when its URL is for older inputs: pods need one until the next comes",
		rest(secret(renewal.SecretAbsent), shows(fresh(older, unprinted))),
		but(restore, func(d *decision) { d.Cause, d.UpToDate = renewal.InputsChanged, false }), nil},
	{"what is due is restored first and renewed then",
		rest(secret(renewal.SecretAbsent), shows(due(unprinted))), but(restore, func(d *decision) { d.Cause = renewal.RenewalDue }), nil},
	{"where the status hides the URL, a deleted Secret costs one request",
		rest(secret(renewal.SecretAbsent), hidden), firstIssue, nil},
	{"an expired URL is not restored", rest(secret(renewal.SecretEdited), shows(dead(unprinted))), firstIssue, nil},
	{"hiding the URL does not spend a request while the Secret holds it", rest(hidden), atRest, nil},
	{"a key Secret that was applied again is read before its value is judged",
		rest(reapplied, key(renewal.KeyUnread)), readNewKey, nil},
	{"a key Secret applied again with the same value spends no request", rest(reapplied), atRest, nil},
	{"a deleted and recreated key Secret with the same value spends no request",
		rest(func(f *renewal.Facts) { f.Inputs.KeySecretUID = "another" }), atRest, nil},
	{"the same value under another entry of the key's Secret spends no request",
		rest(func(f *renewal.Facts) { f.Inputs.KeySecretKey = "moved" }), atRest, nil},
	{"a URL of unknown fingerprint costs a request once its key Secret changed: " +
		"nothing tells that the value is the same",
		rest(holds(fresh(unprinted)), reapplied), askAnew, nil},
	{"an unknown value is never taken for equal to another unknown one",
		rest(holds(fresh(unprinted)), reapplied, func(f *renewal.Facts) { f.Fingerprint = "" }), askAnew, nil},
	{"a smaller renewBefore that does not make it due spends no request", rest(renewBefore(s)), atRest, whenDue},
	{"a failure that is history with other inputs says nothing about today's",
		rest(failed(v1alpha1.OutcomeRejected, time.Hour, func(a *v1alpha1.Attempt) { a.Inputs.Purge = "" })), atRest, nil},
}

var obstacles = []row{
	{"a Secret of somebody else is never touched, and no request is spent on it",
		rest(empty, secret(renewal.SecretForeign)), foreign, atLongest},
	{"a foreign Secret in the place of a deleted one is not overwritten by restoring",
		rest(secret(renewal.SecretForeign)), decision{Rule: "SecretIsForeign", Blocked: v1alpha1.ReasonSecretConflict, Active: "status", UpToDate: true}, nil},
	{"the conflict is what a person must mend, also in a suspended session",
		rest(empty, secret(renewal.SecretForeign), suspended), foreign, nil},
	{"the Secret of a deleted session of the same name goes by itself",
		rest(empty, secret(renewal.SecretOfPredecessor)),
		decision{Rule: "SecretAwaitsCollection", Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonAwaitingCollection}, atLongest},

	{"suspended, with a URL for today's inputs: it stays, and its expiry is noticed",
		rest(holds(due()), suspended), but(renewDue, suspends), atExpiry},
	{"suspended without a URL: nothing is asked for", rest(empty, suspended), but(firstIssue, suspends), atLongest},
	{"suspended with a URL for older inputs: it is not ready, and says why",
		rest(holds(fresh(older)), suspended), but(askAnew, suspends), nil},
	{"a token stays pending while the session is suspended",
		rest(token("t1"), suspended), but(answer, suspends), nil},
	{"restoring spends no request, so a suspended session gets its Secret back",
		rest(secret(renewal.SecretAbsent), suspended), restore, nil},
	{"what was granted just before the session was suspended is still written",
		rest(empty, remembers(fresh()), suspended), storeFirst, nil},
	{"a suspended session looks whether its key changed: that tells whether it is ready",
		rest(reapplied, key(renewal.KeyUnread), suspended), readNewKey, nil},

	{"the key is read only when a request is to be made",
		rest(empty, key(renewal.KeyUnread)), readKey, nil},
	{"no URL and no key: a person must act",
		rest(empty, key(renewal.KeyMissing)), but(firstIssue, keyless(v1alpha1.ReasonKeySecretMissing)), atLongest},
	{"no URL and a key that may not be read: a person must permit it",
		rest(empty, key(renewal.KeyForbidden)), but(firstIssue, keyless(v1alpha1.ReasonKeySecretForbidden)), nil},
	{"a refused write is told before a missing key: with the key there would be nothing to store a URL in",
		rest(empty, key(renewal.KeyMissing), writeRefused(20*s)), but(firstIssue, unwritable("SecretCannotBeWritten")), whenWritable},
	{"no URL and a value that cannot be a key: it is never sent",
		rest(empty, key(renewal.KeyInvalid)), but(firstIssue, keyless(v1alpha1.ReasonKeyInvalid)), nil},
	{"a missing key counts as unchanged while a URL is alive, and is told before renewal is due",
		rest(key(renewal.KeyMissing)), but(atRest, saying(v1alpha1.ReasonKeySecretMissing)), whenDue},
	{"an invalid new key counts as unchanged while a URL is alive",
		rest(reapplied, key(renewal.KeyInvalid)), but(atRest, saying(v1alpha1.ReasonKeyInvalid)), nil},
	{"a missing key makes renewal fail, and the URL's expiry is noticed",
		rest(holds(due()), key(renewal.KeyMissing)), but(renewDue, keyless(v1alpha1.ReasonKeySecretMissing)), atExpiry},
	{"a missing key does not hide that the purge changed",
		rest(holds(fresh(older)), key(renewal.KeyMissing)), but(askAnew, keyless(v1alpha1.ReasonKeySecretMissing)), nil},
	{"a missing key after a rejection is the newer obstacle",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), key(renewal.KeyMissing)), but(firstIssue, keyless(v1alpha1.ReasonKeySecretMissing)), nil},
	{"a missing key does not keep a deleted Secret from being restored",
		rest(secret(renewal.SecretAbsent), key(renewal.KeyMissing)), restore, nil},
}

var waitRows = []row{
	{"no session asks twice within ten seconds, whatever is wanted",
		rest(token("t2"), handled("t1"), asked(4*s)), but(answer, askedJustNow), in(6 * s)},
	{"ten seconds after the last request the next may follow", rest(empty, asked(10*s)), firstIssue, nil},
	{"a clock that is slewed back a second does not lift the floor",
		rest(empty, asked(-s)), but(firstIssue, askedJustNow), in(11 * s)},

	{"a paused key holds all of its sessions up", rest(empty, paused(3*m)), but(firstIssue, keyPaused), nil},
	{"the longest pause that an endpoint may ask for holds from its first moment",
		rest(empty, paused(time.Hour)), but(firstIssue, keyPaused), atLongest},
	{"of two pauses the longer one holds: the status may be older than what this process was told",
		rest(empty, paused(5*m), failed(v1alpha1.OutcomeThrottled, 3*m)),
		but(firstIssue, keyPaused), func(renewal.Plan) time.Time {
			ends := now.Add(5 * m)
			return ends.Add(renewal.Spread(uid, ends, 5*s))
		}},
	{"a throttled answer to a token that was removed is told, and asks for nothing more",
		rest(failed(v1alpha1.OutcomeThrottled, m)), but(atRest, saying(v1alpha1.ReasonThrottled)), nil},
	{"a token does not cut a pause, and stays pending",
		rest(token("t1"), paused(3*m)), but(answer, keyPaused), nil},
	{"a pause does not disturb a session that wants nothing", rest(paused(3 * m)), atRest, whenDue},
	{"the pause that an earlier process was told is in the status, and counts",
		rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), restarted, key(renewal.KeyRead)), but(firstIssue, keyPaused), nil},
	{"neither a token nor another purge gets around a pause after a restart",
		rest(holds(fresh(older)), failed(v1alpha1.OutcomeThrottled, 3*m, func(a *v1alpha1.Attempt) { a.Inputs.Purge = v1alpha1.PurgeDelete }), token("t1")),
		but(askAnew, keyPaused), nil},
	{"another key is not held up by the pause of the one before",
		rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), rotated), firstIssue, nil},
	{"nor is one in a Secret that was made anew",
		rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), func(f *renewal.Facts) {
			f.Inputs.KeySecretUID, f.Fingerprint = "another", otherPrint
		}),
		firstIssue, nil},
	{"nor is one in another entry",
		rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), func(f *renewal.Facts) {
			f.Inputs.KeySecretKey, f.Fingerprint = "another", otherPrint
		}),
		firstIssue, nil},

	{"after a failure the next attempt waits",
		rest(empty, failed(v1alpha1.OutcomeUnavailable, 20*s)), but(firstIssue, retryWaits(v1alpha1.ReasonUnavailable)), inWhole(20 * s)},
	{"an attempt without a next one, as an edited status may hold it, holds nothing up",
		rest(empty, failed(v1alpha1.OutcomeUnavailable, 0, openEnded)), firstIssue, nil},
	{"the wait outlives a restart",
		rest(empty, failed(v1alpha1.OutcomeUnavailable, 20*s), restarted, key(renewal.KeyRead)), but(firstIssue, retryWaits(v1alpha1.ReasonUnavailable)), nil},
	{"a rejection waits for a person, who is told",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour)), but(firstIssue, retryWaits(v1alpha1.ReasonRejected)), atLongest},
	{"renewal that fails leaves the URL alone",
		rest(holds(due()), failed(v1alpha1.OutcomeMalformed, 20*s)), but(renewDue, retryWaits(v1alpha1.ReasonMalformed)), inWhole(20 * s)},
	{"the expiry is noticed when it comes before the next attempt",
		rest(holds(due()), failed(v1alpha1.OutcomeRejected, time.Hour)), but(renewDue, retryWaits(v1alpha1.ReasonRejected)), atExpiry},
	{"a grant that left renewal due at once is said as what it is",
		rest(holds(due()), failed(v1alpha1.OutcomeGranted, 20*s)), but(renewDue, retryWaits(v1alpha1.ReasonMalformed)), nil},
	{"older inputs, and today's are rejected: the URL that is alive is not for them",
		rest(holds(fresh(older)), failed(v1alpha1.OutcomeRejected, m)), but(askAnew, retryWaits(v1alpha1.ReasonRejected)), nil},
	{"changed inputs cut the wait for a person: one has acted",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), rotated), firstIssue, nil},
	{"a key Secret that was applied again with the rejected value cuts nothing",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), reapplied), but(firstIssue, retryWaits(v1alpha1.ReasonRejected)), nil},
	{"a key Secret that changed is read to find out",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), reapplied, key(renewal.KeyUnread)),
		readKey, nil},
	{"a new token cuts the wait",
		rest(empty, failed(v1alpha1.OutcomeUnavailable, 5*m), token("t1")), firstIssue, nil},
	{"a token that the failed attempt carried already cuts nothing: it stays pending",
		rest(failed(v1alpha1.OutcomeUnavailable, 20*s, with("t1")), token("t1")), but(answer, retryWaits(v1alpha1.ReasonUnavailable)), nil},
	{"a token that a rejection answered cuts nothing",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), token("t1"), handled("t1")), but(firstIssue, retryWaits(v1alpha1.ReasonRejected)), nil},
	{"a token that cuts a wait does not cut the floor",
		rest(empty, failed(v1alpha1.OutcomeUnavailable, 5*m), token("t1"), asked(4*s)),
		but(firstIssue, blockedBy("AskedJustNow", v1alpha1.ReasonUnavailable)), in(6 * s)},
	{"a token that was rejected while the URL is fresh is told, and asks for nothing more",
		rest(failed(v1alpha1.OutcomeRejected, m), token("t1"), handled("t1")), but(atRest, saying(v1alpha1.ReasonRejected)), nil},
}

var writes = []row{
	{"a grant in memory is written before anything else is spent",
		rest(holds(due()), remembers(fresh())), but(renewDue, stores), nil},
	{"a write that failed is tried again, not the request",
		rest(empty, remembers(fresh()), writeFailed(20*s)), but(firstIssue, unwritable("GrantIsUnsaved")), whenWritable},
	{"somebody else wrote at the same time, which reading again cures: nobody is told",
		rest(empty, remembers(fresh()), writeFailed(20*s), func(f *renewal.Facts) { f.Write.Conflicted = true }),
		decision{Rule: "GrantIsUnsaved", Cause: renewal.NoneAlive}, whenWritable},
	{"a refused write without a live URL is for a person",
		rest(empty, remembers(fresh()), writeRefused(20*s)), but(firstIssue, unwritable("GrantIsUnsaved")), whenWritable},
	{"a refused write is renewal failing while the Secret holds a live URL",
		rest(holds(due()), remembers(fresh()), writeRefused(20*s)), but(renewDue, unwritable("GrantIsUnsaved")), whenWritable},
	{"the key's absence does not matter to what is granted already",
		rest(empty, remembers(fresh()), key(renewal.KeyMissing)), storeFirst, nil},
	{"a grant whose key was rotated meanwhile is written all the same: it is the only one",
		rest(empty, remembers(fresh()), rotated), storeFirst, nil},
	{"a grant for inputs that were taken back does not replace one for today's",
		rest(remembers(fresh(older))), atRest, nil},
	{"a grant in memory that lives no longer than the one in the Secret is not worth a write",
		rest(remembers(grant(30*s, m))), atRest, nil},
	{"a grant in memory for today's inputs replaces one for older inputs even when that lives longer",
		rest(holds(fresh(older)), remembers(grant(30*s, m))), but(askAnew, stores), nil},
	{"a grant in memory is preferred to the older one in the status",
		rest(secret(renewal.SecretAbsent), shows(due(unprinted)), remembers(fresh())),
		decision{Rule: "GrantIsUnsaved", Step: renewal.Store, Cause: renewal.RenewalDue, Active: "status", UpToDate: true, Store: "memory"}, nil},
	{"after the grant died in memory, find out whether the next could be stored before asking for it",
		rest(empty, remembers(dead()), writeRefused(0)), decision{Rule: "SecretCannotBeWritten", Step: renewal.DryRun, Cause: renewal.NoneAlive}, nil},
	{"no request is spent while the Secret cannot be written",
		rest(empty, writeRefused(20*s)), but(firstIssue, unwritable("SecretCannotBeWritten")), whenWritable},
	{"a restore that is refused waits",
		rest(secret(renewal.SecretAbsent), writeRefused(20*s)),
		decision{Rule: "SecretIsGoneOrEdited", Blocked: v1alpha1.ReasonSecretWriteFailed, Active: "status", UpToDate: true}, whenWritable},
	{"labels that could not be put in order wait, and what is wrong is told",
		rest(secret(renewal.SecretDrifted), writeRefused(20*s)), but(atRest, unwritable("SecretCannotBeWritten")), whenWritable},
	{"a failure of the past is looked at again even at rest: otherwise it would be told until renewal",
		rest(writeRefused(0)), decision{Rule: "SecretCannotBeWritten", Step: renewal.DryRun, Active: "Secret", UpToDate: true}, nil},
	{"whether a URL is for today's key is found out also while a write waits: status tells it",
		rest(reapplied, key(renewal.KeyUnread), remembers(grant(0, time.Hour)), writeRefused(20*s)), readNewKey, nil},
	{"labels cost no request, so a suspended session is woken to put them in order",
		rest(suspended, secret(renewal.SecretDrifted), writeFailed(20*s)), but(atRest, suspends), whenWritable},
	{"a suspended session does not rehearse", rest(suspended, writeRefused(0)), but(atRest, suspends), nil},
}

var clocks = []row{
	{"an endpoint whose clock is ahead does not lengthen the life",
		rest(holds(due(serverAhead(time.Hour)))), renewDue, nil},
	{"a URL is dead by the endpoint's clock while ours says otherwise",
		rest(holds(dead(serverAhead(2 * time.Hour)))), firstIssue, nil},
	{"a clock that was set back behind the issue makes the offset meaningless: ask anew",
		rest(clock(-time.Hour)), renewDue, nil},
	{"replicas whose clocks differ by seconds do not take each other's grants for ones of the future",
		rest(holds(grant(0, 10*m)), clock(-4*s)), atRest, nil},
	{"five seconds are the most by which they may differ",
		rest(func(f *renewal.Facts) { f.Now = f.InSecret.Issued.Add(-5 * s) }), atRest, nil},
	{"more is a clock that was set back",
		rest(func(f *renewal.Facts) { f.Now = f.InSecret.Issued.Add(-5*s - time.Nanosecond) }), renewDue, nil},
	{"a clock that was set forward finds the URL expired", rest(clock(time.Hour)), firstIssue, nil},
	{"a wait set by a clock that was ahead does not hold",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), clock(-24*time.Hour)), firstIssue, nil},
	{"nor does a pause in memory", rest(empty, paused(m), clock(-24*time.Hour)), firstIssue, nil},
	{"nor does the wait after a failed write",
		rest(empty, remembers(grant(48*time.Hour, 72*time.Hour)), writeRefused(20*s), clock(-24*time.Hour)), storeFirst, nil},
	{"a wait survives the seconds by which clocks of replicas differ",
		rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), clock(-64*s)), but(firstIssue, retryWaits(v1alpha1.ReasonRejected)), nil},
}

var turns = []row{
	{"a first issue that waits for its turn says nothing until it is looked at",
		rest(empty, queued(m)), but(firstIssue, waitsQuietly), atLongest},
	{"nor does one that was looked at, while the turn may come within moments",
		rest(empty, observed, queued(4*s)), but(firstIssue, waitsQuietly), in(6 * s)},
	{"a renewal that waits hides no dead URL, so it says nothing for as long",
		rest(holds(due()), observed, queued(s)), but(renewDue, waitsQuietly), in(9 * s)},
	{"a long wait is shown",
		rest(empty, observed, queued(10*s)), but(firstIssue, waits(v1alpha1.ReasonQueued)), atLongest},
	{"a dead URL is not shown for a moment longer",
		rest(holds(dead()), observed, queued(s)), but(firstIssue, waits(v1alpha1.ReasonQueued)), atLongest},
	{"a session that failed before keeps its cause",
		rest(empty, observed, failed(v1alpha1.OutcomeUnavailable, 0), queued(m)), but(firstIssue, waits(v1alpha1.ReasonUnavailable)), nil},
	{"the expiry is noticed while a renewal waits for its turn",
		rest(holds(due()), observed, queued(time.Hour)), but(renewDue, waits(v1alpha1.ReasonQueued)), atExpiry},
	{"whoever may not ask yet does not wait for a turn",
		rest(empty, observed, asked(4*s), queued(time.Hour)), but(firstIssue, askedJustNow), nil},
}

func queued(ago time.Duration) fact {
	return func(f *renewal.Facts) { f.QueuedSince = now.Add(-ago) }
}

func observed(f *renewal.Facts) { f.Observed = true }

func waits(reason string) func(*decision) { return blockedBy("AwaitsItsTurn", reason) }

func waitsQuietly(d *decision) {
	waits(v1alpha1.ReasonQueued)(d)
	d.Quiet = true
}

// Each row is a key Secret that comes later than its session, or not at all.
func TestAKeyThatIsLateIsWaitedForTwoMinutes(t *testing.T) {
	for _, row := range []struct {
		why  string
		age  time.Duration
		key  renewal.KeyState
		late bool
		wake time.Duration
	}{
		{"it may come with the same sync", 0, renewal.KeyMissing, true, 2 * m},
		{"the API server's clock may be ahead of ours", -5 * s, renewal.KeyMissing, true, 125 * s},
		{"by as much as a key may be late", -2 * m, renewal.KeyMissing, true, 4 * m},
		{"and not by more", -2*m - s, renewal.KeyMissing, false, 10 * m},
		{"not by years", -time.Hour, renewal.KeyMissing, false, 10 * m},
		{"an external store takes seconds", s, renewal.KeyMissing, true, 119 * s},
		{"or most of the two minutes", 119 * s, renewal.KeyMissing, true, s},
		{"then a person must act", 2 * m, renewal.KeyMissing, false, 10 * m},
		{"and for as long as it is missing", time.Hour, renewal.KeyMissing, false, 10 * m},
		{"a key that is there and wrong does not mend itself", 0, renewal.KeyInvalid, false, 2 * m},
		{"nor does a permission come with a sync of tenants, and no watch tells when it comes", 0, renewal.KeyForbidden, false, m},
		{"a key that is there is not late", 0, renewal.KeyUnread, false, 0},
	} {
		t.Run(row.why, func(t *testing.T) {
			f := rest(empty, key(row.key), func(f *renewal.Facts) { f.Created = now.Add(-row.age) })
			plan := renewal.Decide(f)
			if f.KeyIsLate() != row.late {
				t.Errorf("late: %t, want %t", f.KeyIsLate(), row.late)
			}
			if row.wake != 0 && !plan.RequeueAt.Equal(now.Add(row.wake)) {
				t.Errorf("decides again after %v, want %v", plan.RequeueAt.Sub(now), row.wake)
			}
		})
	}
}

var allRows = slices.Concat(causes, restingRows, obstacles, waitRows, writes, clocks, turns)

func TestDecide(t *testing.T) {
	for _, tables := range []struct {
		name string
		rows []row
	}{
		{"what a request is spent on", causes},
		{"what spends none", restingRows},
		{"what is in the way", obstacles},
		{"what has to wait", waitRows},
		{"what cannot be written", writes},
		{"what clocks do", clocks},
		{"whose turn has not come", turns},
	} {
		t.Run(tables.name, func(t *testing.T) {
			for _, row := range tables.rows {
				t.Run(row.why, func(t *testing.T) {
					plan := renewal.Decide(row.facts)
					if diff := cmp.Diff(row.want, decisionOf(row.facts, plan)); diff != "" {
						t.Errorf("at %v (-want +got):\n%s", now, diff)
					}
					checkPlan(t, row.facts, plan)
					if wakes := plan.RequeueAt; row.wake != nil && !wakes.Equal(row.wake(plan)) {
						t.Errorf("at %v: wakes at %v, want %v", now, wakes, row.wake(plan))
					}
				})
			}
		})
	}
}

// A rule or a cause that no row shows could change unnoticed.
func TestRowsShowEveryRuleAndCause(t *testing.T) {
	for _, rule := range renewal.Rules() {
		if !slices.ContainsFunc(allRows, func(r row) bool { return r.want.Rule == rule }) {
			t.Errorf("rule %s", rule)
		}
	}
	for _, cause := range []renewal.Cause{renewal.NoCause, renewal.InputsChanged, renewal.NoneAlive, renewal.RenewalDue, renewal.Requested} {
		if !slices.ContainsFunc(allRows, func(r row) bool { return r.want.Cause == cause }) {
			t.Errorf("cause %q", cause)
		}
	}
}
