package renewal_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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
	{why: "a session that has nothing asks for its first URL", facts: rest(empty), want: firstIssue},
	{why: "an expired URL is no URL", facts: rest(holds(dead())), want: firstIssue},
	{
		why:   "a URL is dead at the very instant of its expiry",
		facts: rest(holds(fresh()), func(f *renewal.Facts) { f.Now = f.InSecret.Expire }), want: firstIssue,
	},
	{
		why:   "a URL lives to the last moment before its expiry",
		facts: rest(holds(fresh()), func(f *renewal.Facts) { f.Now = f.InSecret.Expire.Add(-time.Nanosecond) }), want: renewDue,
	},
	{why: "what is due is asked for while the old URL still works", facts: rest(holds(due())), want: renewDue},
	{
		why:   "renewal is due at its instant, not after it",
		facts: rest(func(f *renewal.Facts) { f.Now = renewal.Due(f.InSecret, uid, 0) }), want: renewDue,
	},
	{
		why:   "and not before it",
		facts: rest(func(f *renewal.Facts) { f.Now = renewal.Due(f.InSecret, uid, 0).Add(-time.Nanosecond) }), want: atRest,
	},
	{why: "another purge wants another URL", facts: rest(holds(fresh(older))), want: askAnew},
	{
		why:   "another expiry wants another URL",
		facts: rest(func(f *renewal.Facts) { f.Inputs.ExpirationSeconds = 700; f.Fingerprint = otherPrint }), want: askAnew,
	},
	{
		why:   "another endpoint wants another URL",
		facts: rest(func(f *renewal.Facts) { f.Inputs.Endpoint = "https://b.example"; f.Fingerprint = otherPrint }), want: askAnew,
	},
	{why: "a new value of the key wants another URL", facts: rest(rotated), want: askAnew},
	{
		why:   "what is due and for older inputs counts as the latter: its URL is not for today's inputs",
		facts: rest(holds(due(older))), want: askAnew,
	},
	{
		why:   "after a restart with another endpoint the inputs are known to differ before the key is read",
		facts: rest(restarted, func(f *renewal.Facts) { f.Inputs.Endpoint = "https://b.example" }),
		want:  decision{Rule: "KeyIsNeeded", Step: renewal.ReadKey, Cause: renewal.InputsChanged, Active: "Secret"},
	},
	{
		why:   "and so they are with another expiry",
		facts: rest(restarted, func(f *renewal.Facts) { f.Inputs.ExpirationSeconds = 700 }),
		want:  decision{Rule: "KeyIsNeeded", Step: renewal.ReadKey, Cause: renewal.InputsChanged, Active: "Secret"},
	},
	{
		why:   "a Secret that was put back as it once was holds a dead URL, whatever the status shows",
		facts: rest(holds(dead()), shows(fresh(unprinted))), want: firstIssue,
	},
	{why: "a new token asks for a fresh URL", facts: rest(token("t1")), want: answer},
	{why: "a token after another is new", facts: rest(token("t2"), handled("t1")), want: answer},
	{why: "a token that was answered asks for nothing", facts: rest(token("t1"), handled("t1")), want: atRest, wake: whenDue},
	{why: "a token that was removed asks for nothing", facts: rest(handled("t1")), want: atRest},
	{
		why:   "a larger renewBefore can make a URL due at once",
		facts: rest(holds(grant(2*m, 10*m)), renewBefore(8*m)), want: renewDue,
	},
}

var restingRows = []row{
	{why: "a fresh URL is left alone until it is due", facts: rest(), want: atRest, wake: whenDue},
	{
		why:   "no timer is longer than ten minutes, so that a machine that slept wakes up right",
		facts: rest(holds(grant(m, 72*time.Hour))), want: atRest, wake: atLongest,
	},
	{why: "a restart at rest spends no request and does not even read the key", facts: rest(restarted), want: atRest},
	{why: "a new leader that has never asked is as a restarted one", facts: rest(restarted, hidden), want: atRest},
	{
		why:   "edited labels are put in order without a request",
		facts: rest(secret(renewal.SecretDrifted)), want: syncMetadata,
	},
	{why: "a deleted Secret is restored from the status", facts: rest(secret(renewal.SecretAbsent)), want: restore},
	{why: "an edited Secret is restored from the status", facts: rest(secret(renewal.SecretEdited)), want: restore},
	{
		why:   "a deleted Secret is restored also after a restart, before anything is known of the key's value",
		facts: rest(secret(renewal.SecretAbsent), restarted), want: restore,
	},
	{
		why:   "a deleted Secret is restored even when its URL is for older inputs: pods need one until the next comes",
		facts: rest(secret(renewal.SecretAbsent), shows(fresh(older, unprinted))),
		want: but(restore, func(d *decision) {
			d.Cause, d.UpToDate = renewal.InputsChanged, false
		}),
	},
	{
		why:   "what is due is restored first and renewed then",
		facts: rest(secret(renewal.SecretAbsent), shows(due(unprinted))),
		want:  but(restore, func(d *decision) { d.Cause = renewal.RenewalDue }),
	},
	{
		why:   "where the status hides the URL, a deleted Secret costs one request",
		facts: rest(secret(renewal.SecretAbsent), hidden), want: firstIssue,
	},
	{
		why:   "an expired URL is not restored",
		facts: rest(secret(renewal.SecretEdited), shows(dead(unprinted))), want: firstIssue,
	},
	{why: "hiding the URL does not spend a request while the Secret holds it", facts: rest(hidden), want: atRest},
	{
		why:   "a key Secret that was applied again is read before its value is judged",
		facts: rest(reapplied, key(renewal.KeyUnread)), want: readNewKey,
	},
	{why: "a key Secret applied again with the same value spends no request", facts: rest(reapplied), want: atRest},
	{
		why:   "a deleted and recreated key Secret with the same value spends no request",
		facts: rest(func(f *renewal.Facts) { f.Inputs.KeySecretUID = "another" }), want: atRest,
	},
	{
		why:   "the same value under another entry of the key's Secret spends no request",
		facts: rest(func(f *renewal.Facts) { f.Inputs.KeySecretKey = "moved" }), want: atRest,
	},
	{
		why: "a URL of unknown fingerprint costs a request once its key Secret changed: " +
			"nothing tells that the value is the same",
		facts: rest(holds(fresh(unprinted)), reapplied), want: askAnew,
	},
	{
		why:   "an unknown value is never taken for equal to another unknown one",
		facts: rest(holds(fresh(unprinted)), reapplied, func(f *renewal.Facts) { f.Fingerprint = "" }), want: askAnew,
	},
	{
		why:   "a smaller renewBefore that does not make it due spends no request",
		facts: rest(renewBefore(s)), want: atRest, wake: whenDue,
	},
	{
		why:   "a failure that is history with other inputs says nothing about today's",
		facts: rest(failed(v1alpha1.OutcomeRejected, time.Hour, func(a *v1alpha1.Attempt) { a.Inputs.Purge = "" })), want: atRest,
	},
}

var obstacles = []row{
	{
		why:   "a Secret of somebody else is never touched, and no request is spent on it",
		facts: rest(empty, secret(renewal.SecretForeign)), want: foreign, wake: atLongest,
	},
	{
		why:   "a foreign Secret stops what is in memory from being written over it",
		facts: rest(empty, secret(renewal.SecretForeign), remembers(fresh())), want: foreign,
	},
	{
		why:   "a foreign Secret in the place of a deleted one is not overwritten by restoring",
		facts: rest(secret(renewal.SecretForeign)),
		want:  decision{Rule: "SecretIsForeign", Blocked: v1alpha1.ReasonSecretConflict, Active: "status", UpToDate: true},
	},
	{
		why:   "the conflict is what a person must mend, also in a suspended session",
		facts: rest(empty, secret(renewal.SecretForeign), suspended), want: foreign,
	},
	{
		why:   "the Secret of a deleted session of the same name goes by itself",
		facts: rest(empty, secret(renewal.SecretOfPredecessor)),
		want:  decision{Rule: "SecretAwaitsCollection", Cause: renewal.NoneAlive, Blocked: v1alpha1.ReasonAwaitingCollection},
		wake:  atLongest,
	},

	{
		why:   "suspended, with a URL for today's inputs: it stays, and its expiry is noticed",
		facts: rest(holds(due()), suspended), want: but(renewDue, suspends), wake: atExpiry,
	},
	{
		why:   "suspended without a URL: nothing is asked for",
		facts: rest(empty, suspended), want: but(firstIssue, suspends), wake: atLongest,
	},
	{
		why:   "suspended with a URL for older inputs: it is not ready, and says why",
		facts: rest(holds(fresh(older)), suspended), want: but(askAnew, suspends),
	},
	{
		why:   "a token stays pending while the session is suspended",
		facts: rest(token("t1"), suspended), want: but(answer, suspends),
	},
	{
		why:   "restoring spends no request, so a suspended session gets its Secret back",
		facts: rest(secret(renewal.SecretAbsent), suspended), want: restore,
	},
	{
		why:   "what was granted just before the session was suspended is still written",
		facts: rest(empty, remembers(fresh()), suspended), want: storeFirst,
	},
	{
		why:   "a suspended session looks whether its key changed: that tells whether it is ready",
		facts: rest(reapplied, key(renewal.KeyUnread), suspended), want: readNewKey,
	},

	{
		why:   "the key is read only when a request is to be made",
		facts: rest(empty, key(renewal.KeyUnread)),
		want:  decision{Rule: "KeyIsNeeded", Step: renewal.ReadKey, Cause: renewal.NoneAlive},
	},
	{
		why:   "no URL and no key: a person must act",
		facts: rest(empty, key(renewal.KeyMissing)),
		want:  but(firstIssue, keyless(v1alpha1.ReasonKeySecretMissing)), wake: atLongest,
	},
	{
		why:   "no URL and a key that may not be read: a person must permit it",
		facts: rest(empty, key(renewal.KeyForbidden)),
		want:  but(firstIssue, keyless(v1alpha1.ReasonKeySecretForbidden)),
	},
	{
		why:   "a refused write is told before a missing key: with the key there would be nothing to store a URL in",
		facts: rest(empty, key(renewal.KeyMissing), writeRefused(20*s)),
		want:  but(firstIssue, unwritable("SecretCannotBeWritten")), wake: whenWritable,
	},
	{
		why:   "no URL and a value that cannot be a key: it is never sent",
		facts: rest(empty, key(renewal.KeyInvalid)), want: but(firstIssue, keyless(v1alpha1.ReasonKeyInvalid)),
	},
	{
		why:   "a missing key counts as unchanged while a URL is alive, and is told before renewal is due",
		facts: rest(key(renewal.KeyMissing)), want: but(atRest, saying(v1alpha1.ReasonKeySecretMissing)), wake: whenDue,
	},
	{
		why:   "an invalid new key counts as unchanged while a URL is alive",
		facts: rest(reapplied, key(renewal.KeyInvalid)), want: but(atRest, saying(v1alpha1.ReasonKeyInvalid)),
	},
	{
		why:   "a missing key makes renewal fail, and the URL's expiry is noticed",
		facts: rest(holds(due()), key(renewal.KeyMissing)),
		want:  but(renewDue, keyless(v1alpha1.ReasonKeySecretMissing)), wake: atExpiry,
	},
	{
		why:   "a missing key does not hide that the purge changed",
		facts: rest(holds(fresh(older)), key(renewal.KeyMissing)),
		want:  but(askAnew, keyless(v1alpha1.ReasonKeySecretMissing)),
	},
	{
		why:   "a missing key after a rejection is the newer obstacle",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), key(renewal.KeyMissing)),
		want:  but(firstIssue, keyless(v1alpha1.ReasonKeySecretMissing)),
	},
	{
		why:   "a missing key does not keep a deleted Secret from being restored",
		facts: rest(secret(renewal.SecretAbsent), key(renewal.KeyMissing)), want: restore,
	},
}

var waitRows = []row{
	{
		why:   "no session asks twice within ten seconds, whatever is wanted",
		facts: rest(token("t2"), handled("t1"), asked(4*s)), want: but(answer, askedJustNow), wake: in(6 * s),
	},
	{
		why:   "the floor holds for changed inputs too",
		facts: rest(rotated, asked(4*s)), want: but(askAnew, askedJustNow), wake: in(6 * s),
	},
	{why: "ten seconds after the last request the next may follow", facts: rest(empty, asked(10*s)), want: firstIssue},
	{
		why:   "a clock that is slewed back a second does not lift the floor",
		facts: rest(empty, asked(-s)), want: but(firstIssue, askedJustNow), wake: in(11 * s),
	},

	{
		why:   "a paused key holds all of its sessions up",
		facts: rest(empty, paused(3*m)), want: but(firstIssue, keyPaused),
	},
	{
		why:   "a long pause is looked at again, not slept through",
		facts: rest(empty, paused(50*m)), want: but(firstIssue, keyPaused), wake: atLongest,
	},
	{
		why:   "the longest pause that an endpoint may ask for holds from its first moment",
		facts: rest(empty, paused(time.Hour)), want: but(firstIssue, keyPaused), wake: atLongest,
	},
	{
		why:   "of two pauses the longer one holds: the status may be older than what this process was told",
		facts: rest(empty, paused(5*m), failed(v1alpha1.OutcomeThrottled, 3*m)),
		want:  but(firstIssue, keyPaused),
		wake: func(renewal.Plan) time.Time {
			ends := now.Add(5 * m)
			return ends.Add(renewal.Spread(uid, ends, 5*s))
		},
	},
	{
		why:   "a throttled answer to a token that was removed is told, and asks for nothing more",
		facts: rest(failed(v1alpha1.OutcomeThrottled, m)), want: but(atRest, saying(v1alpha1.ReasonThrottled)),
	},
	{
		why:   "a token does not cut a pause, and stays pending",
		facts: rest(token("t1"), paused(3*m)), want: but(answer, keyPaused),
	},
	{
		why:   "a pause does not disturb a session that wants nothing",
		facts: rest(paused(3 * m)), want: atRest, wake: whenDue,
	},
	{why: "a pause that is over holds nothing up", facts: rest(empty, paused(0)), want: firstIssue},
	{
		why:   "the pause that an earlier process was told is in the status, and counts",
		facts: rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), restarted, key(renewal.KeyRead)),
		want:  but(firstIssue, keyPaused),
	},
	{
		why:   "neither a token nor another purge gets around a pause after a restart",
		facts: rest(holds(fresh(older)), failed(v1alpha1.OutcomeThrottled, 3*m, func(a *v1alpha1.Attempt) { a.Inputs.Purge = v1alpha1.PurgeDelete }), token("t1")),
		want:  but(askAnew, keyPaused),
	},
	{
		why:   "another key is not held up by the pause of the one before",
		facts: rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), rotated), want: firstIssue,
	},
	{
		why: "nor is one in a Secret that was made anew",
		facts: rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), func(f *renewal.Facts) {
			f.Inputs.KeySecretUID, f.Fingerprint = "another", otherPrint
		}),
		want: firstIssue,
	},
	{
		why: "nor is one in another entry",
		facts: rest(empty, failed(v1alpha1.OutcomeThrottled, 3*m), func(f *renewal.Facts) {
			f.Inputs.KeySecretKey, f.Fingerprint = "another", otherPrint
		}),
		want: firstIssue,
	},

	{
		why:   "after a failure the next attempt waits",
		facts: rest(empty, failed(v1alpha1.OutcomeUnavailable, 20*s)),
		want:  but(firstIssue, retryWaits(v1alpha1.ReasonUnavailable)), wake: inWhole(20 * s),
	},
	{
		why:   "an attempt without a next one, as an edited status may hold it, holds nothing up",
		facts: rest(empty, failed(v1alpha1.OutcomeUnavailable, 0, openEnded)), want: firstIssue,
	},
	{
		why:   "nor does one that was throttled",
		facts: rest(empty, failed(v1alpha1.OutcomeThrottled, 0, openEnded)), want: firstIssue,
	},
	{
		why:   "the wait outlives a restart",
		facts: rest(empty, failed(v1alpha1.OutcomeUnavailable, 20*s), restarted, key(renewal.KeyRead)),
		want:  but(firstIssue, retryWaits(v1alpha1.ReasonUnavailable)),
	},
	{
		why:   "a rejection waits for a person, who is told",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour)),
		want:  but(firstIssue, retryWaits(v1alpha1.ReasonRejected)), wake: atLongest,
	},
	{
		why:   "renewal that fails leaves the URL alone",
		facts: rest(holds(due()), failed(v1alpha1.OutcomeMalformed, 20*s)),
		want:  but(renewDue, retryWaits(v1alpha1.ReasonMalformed)), wake: inWhole(20 * s),
	},
	{
		why:   "the expiry is noticed when it comes before the next attempt",
		facts: rest(holds(due()), failed(v1alpha1.OutcomeRejected, time.Hour)),
		want:  but(renewDue, retryWaits(v1alpha1.ReasonRejected)), wake: atExpiry,
	},
	{
		why:   "a grant that left renewal due at once is said as what it is",
		facts: rest(holds(due()), failed(v1alpha1.OutcomeGranted, 20*s)),
		want:  but(renewDue, retryWaits(v1alpha1.ReasonMalformed)),
	},
	{
		why:   "older inputs, and today's are rejected: the URL that is alive is not for them",
		facts: rest(holds(fresh(older)), failed(v1alpha1.OutcomeRejected, m)),
		want:  but(askAnew, retryWaits(v1alpha1.ReasonRejected)),
	},
	{why: "a wait that is over ends", facts: rest(empty, failed(v1alpha1.OutcomeRejected, 0)), want: firstIssue},
	{
		why:   "changed inputs cut the wait for a person: one has acted",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), rotated), want: firstIssue,
	},
	{
		why:   "another purge cuts the wait",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour, func(a *v1alpha1.Attempt) { a.Inputs.Purge = v1alpha1.PurgeDelete })), want: firstIssue,
	},
	{
		why:   "a key Secret that was applied again with the rejected value cuts nothing",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), reapplied),
		want:  but(firstIssue, retryWaits(v1alpha1.ReasonRejected)),
	},
	{
		why:   "a key Secret that changed is read to find out",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), reapplied, key(renewal.KeyUnread)),
		want:  decision{Rule: "KeyIsNeeded", Step: renewal.ReadKey, Cause: renewal.NoneAlive},
	},
	{
		why:   "a new token cuts the wait",
		facts: rest(empty, failed(v1alpha1.OutcomeUnavailable, 5*m), token("t1")), want: firstIssue,
	},
	{
		why:   "a token that the failed attempt carried already cuts nothing: it stays pending",
		facts: rest(failed(v1alpha1.OutcomeUnavailable, 20*s, with("t1")), token("t1")),
		want:  but(answer, retryWaits(v1alpha1.ReasonUnavailable)),
	},
	{
		why:   "a token that a rejection answered cuts nothing",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), token("t1"), handled("t1")),
		want:  but(firstIssue, retryWaits(v1alpha1.ReasonRejected)),
	},
	{
		why:   "a token that cuts a wait does not cut the floor",
		facts: rest(empty, failed(v1alpha1.OutcomeUnavailable, 5*m), token("t1"), asked(4*s)),
		want:  but(firstIssue, blockedBy("AskedJustNow", v1alpha1.ReasonUnavailable)), wake: in(6 * s),
	},
	{
		why:   "a token that was rejected while the URL is fresh is told, and asks for nothing more",
		facts: rest(failed(v1alpha1.OutcomeRejected, m), token("t1"), handled("t1")),
		want:  but(atRest, saying(v1alpha1.ReasonRejected)),
	},
}

var writes = []row{
	{
		why:   "a grant in memory is written before anything else is spent",
		facts: rest(holds(due()), remembers(fresh())), want: but(renewDue, stores),
	},
	{
		why:   "a write that failed is tried again, not the request",
		facts: rest(empty, remembers(fresh()), writeFailed(20*s)),
		want:  but(firstIssue, unwritable("GrantIsUnsaved")), wake: whenWritable,
	},
	{
		why:   "somebody else wrote at the same time, which reading again cures: nobody is told",
		facts: rest(empty, remembers(fresh()), writeFailed(20*s), func(f *renewal.Facts) { f.Write.Conflicted = true }),
		want:  decision{Rule: "GrantIsUnsaved", Cause: renewal.NoneAlive}, wake: whenWritable,
	},
	{
		why:   "a refused write without a live URL is for a person",
		facts: rest(empty, remembers(fresh()), writeRefused(20*s)),
		want:  but(firstIssue, unwritable("GrantIsUnsaved")), wake: whenWritable,
	},
	{
		why:   "a refused write is renewal failing while the Secret holds a live URL",
		facts: rest(holds(due()), remembers(fresh()), writeRefused(20*s)),
		want:  but(renewDue, unwritable("GrantIsUnsaved")), wake: whenWritable,
	},
	{
		why:   "when its time comes the write is tried again",
		facts: rest(empty, remembers(fresh()), writeRefused(0)), want: storeFirst,
	},
	{
		why:   "the key's absence does not matter to what is granted already",
		facts: rest(empty, remembers(fresh()), key(renewal.KeyMissing)), want: storeFirst,
	},
	{
		why:   "a grant whose key was rotated meanwhile is written all the same: it is the only one",
		facts: rest(empty, remembers(fresh()), rotated), want: storeFirst,
	},
	{
		why:   "a grant for inputs that were taken back does not replace one for today's",
		facts: rest(remembers(fresh(older))), want: atRest,
	},
	{
		why:   "a grant in memory that lives no longer than the one in the Secret is not worth a write",
		facts: rest(remembers(grant(30*s, m))), want: atRest,
	},
	{
		why:   "a grant in memory for today's inputs replaces one for older inputs even when that lives longer",
		facts: rest(holds(fresh(older)), remembers(grant(30*s, m))), want: but(askAnew, stores),
	},
	{
		why:   "a grant in memory is preferred to the older one in the status",
		facts: rest(secret(renewal.SecretAbsent), shows(due(unprinted)), remembers(fresh())),
		want:  decision{Rule: "GrantIsUnsaved", Step: renewal.Store, Cause: renewal.RenewalDue, Active: "status", UpToDate: true, Store: "memory"},
	},
	{
		why:   "after the grant died in memory, find out whether the next could be stored before asking for it",
		facts: rest(empty, remembers(dead()), writeRefused(0)),
		want:  decision{Rule: "SecretCannotBeWritten", Step: renewal.DryRun, Cause: renewal.NoneAlive},
	},
	{
		why:   "no request is spent while the Secret cannot be written",
		facts: rest(empty, writeRefused(20*s)),
		want:  but(firstIssue, unwritable("SecretCannotBeWritten")), wake: whenWritable,
	},
	{
		why:   "a restore that is refused waits",
		facts: rest(secret(renewal.SecretAbsent), writeRefused(20*s)),
		want:  decision{Rule: "SecretIsGoneOrEdited", Blocked: v1alpha1.ReasonSecretWriteFailed, Active: "status", UpToDate: true},
		wake:  whenWritable,
	},
	{
		why:   "a restore is tried again when its time comes",
		facts: rest(secret(renewal.SecretAbsent), writeRefused(0)), want: restore,
	},
	{
		why:   "labels that could not be put in order wait, and what is wrong is told",
		facts: rest(secret(renewal.SecretDrifted), writeRefused(20*s)),
		want:  but(atRest, unwritable("SecretCannotBeWritten")),
		wake:  whenWritable,
	},
	{
		why:   "when their time comes they are put in order again",
		facts: rest(secret(renewal.SecretDrifted), writeRefused(0)), want: syncMetadata,
	},
	{
		why:   "a failure of the past is looked at again even at rest: otherwise it would be told until renewal",
		facts: rest(writeRefused(0)),
		want:  decision{Rule: "SecretCannotBeWritten", Step: renewal.DryRun, Active: "Secret", UpToDate: true},
	},
	{
		why:   "whether a URL is for today's key is found out also while a write waits: status tells it",
		facts: rest(reapplied, key(renewal.KeyUnread), remembers(grant(0, time.Hour)), writeRefused(20*s)),
		want:  readNewKey,
	},
	{
		why:   "labels cost no request, so a suspended session is woken to put them in order",
		facts: rest(suspended, secret(renewal.SecretDrifted), writeFailed(20*s)),
		want:  but(atRest, suspends), wake: whenWritable,
	},
	{
		why:   "a suspended session does not rehearse",
		facts: rest(suspended, writeRefused(0)), want: but(atRest, suspends),
	},
}

var clocks = []row{
	{
		why:   "an endpoint whose clock is ahead does not lengthen the life",
		facts: rest(holds(due(serverAhead(time.Hour)))), want: renewDue,
	},
	{
		why:   "nor does one whose clock is behind shorten it",
		facts: rest(holds(fresh(serverAhead(-time.Hour)))), want: atRest, wake: whenDue,
	},
	{
		why:   "a URL is dead by the endpoint's clock while ours says otherwise",
		facts: rest(holds(dead(serverAhead(2 * time.Hour)))), want: firstIssue,
	},
	{
		why:   "a clock that was set back behind the issue makes the offset meaningless: ask anew",
		facts: rest(clock(-time.Hour)), want: renewDue,
	},
	{
		why:   "replicas whose clocks differ by seconds do not take each other's grants for ones of the future",
		facts: rest(holds(grant(0, 10*m)), clock(-4*s)), want: atRest,
	},
	{
		why:   "five seconds are the most by which they may differ",
		facts: rest(func(f *renewal.Facts) { f.Now = f.InSecret.Issued.Add(-5 * s) }), want: atRest,
	},
	{
		why:   "more is a clock that was set back",
		facts: rest(func(f *renewal.Facts) { f.Now = f.InSecret.Issued.Add(-5*s - time.Nanosecond) }), want: renewDue,
	},
	{why: "a clock that was set forward finds the URL expired", facts: rest(clock(time.Hour)), want: firstIssue},
	{
		why:   "a wait set by a clock that was ahead does not hold",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), clock(-24*time.Hour)), want: firstIssue,
	},
	{
		why:   "nor does a pause in the status",
		facts: rest(empty, failed(v1alpha1.OutcomeThrottled, time.Hour), clock(-24*time.Hour)), want: firstIssue,
	},
	{why: "nor does a pause in memory", facts: rest(empty, paused(m), clock(-24*time.Hour)), want: firstIssue},
	{why: "nor does the floor", facts: rest(empty, asked(0), clock(-24*time.Hour)), want: firstIssue},
	{
		why:   "nor does the wait after a failed write",
		facts: rest(empty, remembers(grant(48*time.Hour, 72*time.Hour)), writeRefused(20*s), clock(-24*time.Hour)),
		want:  storeFirst,
	},
	{
		why:   "a wait survives the seconds by which clocks of replicas differ",
		facts: rest(empty, failed(v1alpha1.OutcomeRejected, time.Hour), clock(-64*s)),
		want:  but(firstIssue, retryWaits(v1alpha1.ReasonRejected)),
	},
}

var turns = []row{
	{
		why:   "a first issue that waits for its turn says nothing until it is looked at",
		facts: rest(empty, queued(m)), want: but(firstIssue, waitsQuietly), wake: atLongest,
	},
	{
		why:   "nor does one that was looked at, while the turn may come within moments",
		facts: rest(empty, observed, queued(4*s)), want: but(firstIssue, waitsQuietly), wake: in(6 * s),
	},
	{
		why:   "before it is looked at, nothing is to be shown after ten seconds either",
		facts: rest(empty, queued(4*s)), want: but(firstIssue, waitsQuietly), wake: atLongest,
	},
	{
		why:   "a renewal that waits hides no dead URL, so it says nothing for as long",
		facts: rest(holds(due()), observed, queued(s)), want: but(renewDue, waitsQuietly), wake: in(9 * s),
	},
	{
		why:   "a long wait is shown",
		facts: rest(empty, observed, queued(10*s)), want: but(firstIssue, waits(v1alpha1.ReasonQueued)), wake: atLongest,
	},
	{
		why:   "a dead URL is not shown for a moment longer",
		facts: rest(holds(dead()), observed, queued(s)), want: but(firstIssue, waits(v1alpha1.ReasonQueued)), wake: in(9 * s),
	},
	{
		why:   "a session that failed before keeps its cause",
		facts: rest(empty, observed, failed(v1alpha1.OutcomeUnavailable, 0), queued(m)),
		want:  but(firstIssue, waits(v1alpha1.ReasonUnavailable)),
	},
	{
		why:   "the expiry is noticed while a renewal waits for its turn",
		facts: rest(holds(due()), observed, queued(time.Hour)), want: but(renewDue, waits(v1alpha1.ReasonQueued)), wake: atExpiry,
	},
	{
		why:   "a session whose key keeps changing waits for longer",
		facts: rest(empty, asked(11*s), func(f *renewal.Facts) { f.Interval = 40 * s }),
		want:  but(firstIssue, askedJustNow), wake: in(29 * s),
	},
	{
		why:   "whoever may not ask yet does not wait for a turn",
		facts: rest(empty, observed, asked(4*s), queued(time.Hour)), want: but(firstIssue, askedJustNow),
	},
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
		{"nor does a permission come with a sync of tenants", 0, renewal.KeyForbidden, false, 2 * m},
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

var allRows = slices.Concat(causes, restingRows, obstacles, waitRows, writes, clocks, turns, situations)

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
		{"what users can tell apart", situations},
	} {
		t.Run(tables.name, func(t *testing.T) {
			for _, row := range tables.rows {
				t.Run(row.why, func(t *testing.T) {
					plan := renewal.Decide(row.facts)
					if diff := cmp.Diff(row.want, decisionOf(row.facts, plan)); diff != "" {
						t.Errorf("at %v (-want +got):\n%s", now, diff)
					}
					checkPlan(t, row.facts, plan)
					if wakes := plan.WakeAt(true); row.wake != nil && !wakes.Equal(row.wake(plan)) {
						t.Errorf("at %v: wakes at %v, want %v", now, wakes, row.wake(plan))
					}
				})
			}
		})
	}
}

// A renewal that waits for its turn says nothing that the status does not say, so it is not looked
// at for that.
func TestNobodyIsWokenToReportNoNews(t *testing.T) {
	for _, row := range turns {
		plan := renewal.Decide(row.facts)
		if plan.Quiet && plan.WakeAt(false).Equal(plan.ReportAt) {
			t.Errorf("%s: wakes at %v to report nothing", row.why, plan.ReportAt)
		}
	}
}

// A rule or a cause that no row shows could change unnoticed.
func TestRowsShowEveryRuleAndCause(t *testing.T) {
	rules, causes := map[renewal.Rule]bool{}, map[renewal.Cause]bool{}
	for _, row := range allRows {
		rules[row.want.Rule], causes[row.want.Cause] = true, true
	}
	wantRules := []renewal.Rule{
		"Ask", "AskedJustNow", "AwaitsItsTurn", "GrantIsUnsaved", "KeyIsNeeded", "KeyIsPaused", "KeyMayHaveChanged", "NothingToDo",
		"RetryIsNotDue", "SecretAwaitsCollection", "SecretCannotBeWritten", "SecretHasDrifted", "SecretIsForeign",
		"SecretIsGoneOrEdited", "Suspended",
	}
	if diff := cmp.Diff(wantRules, slices.Sorted(maps.Keys(rules))); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	wantCauses := []renewal.Cause{
		renewal.NoCause, renewal.InputsChanged, renewal.NoneAlive, renewal.RenewalDue, renewal.Requested,
	}
	if diff := cmp.Diff(wantCauses, slices.Sorted(maps.Keys(causes))); diff != "" {
		t.Errorf("causes (-want +got):\n%s", diff)
	}
}

// Plans are sound for any facts, also for ones that no history leads to.
func TestAnyPlanIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		checkPlan(t, f, renewal.Decide(f))
	})
}
