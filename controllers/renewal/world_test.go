package renewal_test

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// mostSteps is how many steps one pass may take before it waits.
const mostSteps = 8

// world is one session, what the API server holds of it, the process that looks
// after it, and the endpoint that it asks.
type world struct {
	now time.Time
	// skew is how far the endpoint's clock is ahead of the controller's.
	skew time.Duration

	spec   spec
	key    keySecret
	api    apiServer
	memory process

	// mood is what the endpoint answers now; empty for anything.
	mood mood
	// lives are the lives that it grants, in seconds.
	lives *rapid.Generator[int]

	wake time.Time
	// requests are the instants at which this process asked.
	requests []time.Time
	// jumped says that the controller's clock was set at least once.
	jumped bool
}

// spec is what the user declares.
type spec struct {
	suspended   bool
	hidden      bool
	renewBefore time.Duration
	token       string
	purge       v1alpha1.Purge
}

// keySecret is the Secret of the API key.
type keySecret struct {
	version int
	value   string
	missing bool
	invalid bool
}

// apiServer is what outlives the process.
type apiServer struct {
	secret  renewal.SecretState
	stored  *renewal.Grant
	shown   *renewal.Grant
	last    *v1alpha1.Attempt
	handled string
	// refuses says that the generated Secret cannot be written.
	refuses bool
}

// process is what a restart forgets.
type process struct {
	keyRead       int
	asked         time.Time
	lastPrint     string
	unwritten     *renewal.Grant
	write         renewal.WriteState
	writeFailures int
	pauses        map[string]time.Time
}

type mood v1alpha1.Outcome

// Moods of the endpoint beyond a single outcome.
const (
	anyMood   mood = ""
	repeating mood = "Repeating"
)

var moods = []mood{
	anyMood, repeating, mood(v1alpha1.OutcomeGranted), mood(v1alpha1.OutcomeRejected),
	mood(v1alpha1.OutcomeThrottled), mood(v1alpha1.OutcomeUnavailable), mood(v1alpha1.OutcomeMalformed),
}

func newWorld(start time.Time, lives *rapid.Generator[int]) *world {
	w := &world{now: start, key: keySecret{version: 1, value: "secret-1"}, lives: lives}
	w.restart()
	return w
}

func (w *world) restart() {
	w.memory = process{pauses: map[string]time.Time{}}
	w.requests = nil
}

// serverNow is the time by the endpoint's clock.
func (w *world) serverNow() time.Time { return w.now.Add(w.skew) }

func (w *world) inputs() v1alpha1.Inputs {
	in := inputs
	in.Purge = w.spec.purge
	in.KeySecretUID, in.KeySecretResourceVersion = "", ""
	if !w.key.missing {
		in.KeySecretUID, in.KeySecretResourceVersion = types.UID("uid"), fmt.Sprint(w.key.version)
	}
	return in
}

func (w *world) keyState() renewal.KeyState {
	switch {
	case w.key.missing:
		return renewal.KeyMissing
	case w.memory.keyRead != w.key.version:
		return renewal.KeyUnread
	case w.key.invalid:
		return renewal.KeyInvalid
	}
	return renewal.KeyRead
}

func (w *world) print() string { return fmt.Sprintf("%s with %s", w.key.value, w.spec.purge) }

func (w *world) facts() renewal.Facts {
	f := renewal.Facts{
		Now:             w.now,
		UID:             uid,
		Suspended:       w.spec.suspended,
		RenewBefore:     w.spec.renewBefore,
		RenewRequest:    w.spec.token,
		HandledRequest:  w.api.handled,
		Inputs:          w.inputs(),
		Key:             w.keyState(),
		Secret:          w.api.secret,
		InSecret:        w.api.stored,
		InStatus:        w.api.shown,
		Unsaved:         w.memory.unwritten,
		Last:            w.api.last,
		LastFingerprint: w.memory.lastPrint,
		Asked:           w.memory.asked,
		Write:           w.memory.write,
	}
	if f.Key == renewal.KeyRead {
		f.Fingerprint, f.PausedUntil = w.print(), w.memory.pauses[w.key.value]
	}
	return f
}

// pass decides and acts until there is nothing left but to wait.
func (w *world) pass(t *rapid.T) {
	for range mostSteps {
		f := w.facts()
		plan := renewal.Decide(f)
		checkPlan(t, f, plan)
		if plan.Step == renewal.Wait {
			w.wake = plan.RequeueAt
			if !w.wake.After(w.now) {
				t.Fatalf("wakes at %v, and it is %v: time would stand still", w.wake, w.now)
			}
			w.patchStatus()
			if plan.Rule == "NothingToDo" {
				w.checkRestartIsFree(t)
			}
			return
		}
		w.act(t, f, plan)
	}
	t.Fatalf("more than %d steps and no end", mostSteps)
}

// patchStatus shows what the Secret holds, as far as it may be shown.
func (w *world) patchStatus() {
	if w.api.stored != nil {
		shown := *w.api.stored
		shown.Fingerprint = ""
		w.api.shown = &shown
	}
	if w.spec.hidden || !w.api.shown.Alive(w.now) {
		w.api.shown = nil
	}
}

// checkRestartIsFree asserts that a restart at rest spends no request.
func (w *world) checkRestartIsFree(t *rapid.T) {
	other := *w
	other.restart()
	for range mostSteps {
		f := other.facts()
		plan := renewal.Decide(f)
		switch plan.Step {
		case renewal.Wait:
			return
		case renewal.Ask:
			t.Fatalf("a restart at rest asks: %s", plan.Cause)
		case renewal.ReadKey, renewal.Store, renewal.SyncMetadata, renewal.DryRun:
			other.act(t, f, plan)
		}
	}
	t.Fatalf("more than %d steps after a restart", mostSteps)
}

func (w *world) act(t *rapid.T, f renewal.Facts, plan renewal.Plan) {
	switch plan.Step {
	case renewal.ReadKey:
		w.memory.keyRead = w.key.version
	case renewal.Ask:
		w.ask(t, f)
	case renewal.Store:
		w.store(t, toStore(f, plan))
	case renewal.SyncMetadata:
		if w.written() {
			w.api.secret = renewal.SecretOurs
		}
	case renewal.DryRun:
		w.written()
	case renewal.Wait:
	}
}

// written says whether a write worked, and remembers it as a process does.
func (w *world) written() bool {
	if !w.api.refuses {
		w.memory.write, w.memory.writeFailures = renewal.WriteState{}, 0
		return true
	}
	wait := min(time.Second<<min(w.memory.writeFailures, 6), time.Minute)
	w.memory.writeFailures++
	w.memory.write = renewal.WriteState{Failed: true, Refused: true, RetryAt: w.now.Add(wait)}
	return false
}

func (w *world) store(t *rapid.T, g *renewal.Grant) {
	if !w.written() {
		return
	}
	w.checkNotShortened(t, g)
	stored := *g
	if stored.Fingerprint == "" && stored.Inputs == w.inputs() && w.keyState() != renewal.KeyMissing {
		w.memory.keyRead = w.key.version
		stored.Fingerprint = w.print()
	}
	w.api.secret, w.api.stored, w.memory.unwritten = renewal.SecretOurs, &stored, nil
}

// checkNotShortened asserts that a live URL is not replaced by one for the same
// inputs that lives shorter. A clock that jumps makes the lives unknown.
func (w *world) checkNotShortened(t *rapid.T, g *renewal.Grant) {
	for _, before := range []*renewal.Grant{w.api.stored, w.api.shown} {
		if before == nil || w.jumped || !before.Expire.After(w.serverNow()) || before.Inputs != g.Inputs {
			continue
		}
		if before.Inputs == w.inputs() && g.Expire.Before(before.Expire) {
			t.Errorf("a URL that lives %v more is replaced by one that lives %v more",
				before.Expire.Sub(w.serverNow()), g.Expire.Sub(w.serverNow()))
		}
	}
}

// ask is a request, and what the process makes of the answer.
func (w *world) ask(t *rapid.T, f renewal.Facts) {
	if n := len(w.requests); n > 0 && w.now.Sub(w.requests[n-1]) < 10*time.Second {
		t.Errorf("asks twice within %v", w.now.Sub(w.requests[n-1]))
	}
	w.requests = append(w.requests, w.now)
	w.memory.asked = w.now
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "latency")) * time.Millisecond)

	a := w.answer(t, f)
	if a.Outcome == v1alpha1.OutcomeThrottled {
		a.PausedUntil = a.At.Add(rapid.SampledFrom([]time.Duration{30 * s, renewal.MinInterval, 5 * m, time.Hour}).Draw(t, "pause"))
		w.memory.pauses[w.key.value] = a.PausedUntil
	}
	if a.Grant != nil && renewal.Replaces(f, a.Grant) {
		w.memory.unwritten = a.Grant
	}
	w.api.last, w.memory.lastPrint = renewal.NextAttempt(f, a), f.Fingerprint
	if a.Outcome == v1alpha1.OutcomeGranted || a.Outcome == v1alpha1.OutcomeRejected {
		w.api.handled = f.RenewRequest
	}
}

func (w *world) answer(t *rapid.T, f renewal.Facts) renewal.Result {
	mood := w.mood
	if mood == anyMood {
		mood = rapid.SampledFrom(moods[1:]).Draw(t, "answer")
	}
	a := renewal.Result{At: w.now, Outcome: v1alpha1.Outcome(mood)}
	if mood == repeating {
		a.Outcome = v1alpha1.OutcomeGranted
	}
	if a.Outcome != v1alpha1.OutcomeGranted {
		return a
	}
	a.Grant = &renewal.Grant{
		Issued: w.now.Truncate(s), Offset: w.skew, Inputs: f.Inputs, Fingerprint: f.Fingerprint,
		Expire: w.serverNow().Truncate(s).Add(time.Duration(w.lives.Draw(t, "life")) * s),
	}
	if last := w.api.stored; mood == repeating && last != nil && last.Expire.After(w.serverNow()) {
		a.Grant.Expire = last.Expire
	}
	return a
}

// sleep lets time go by, with a pass at every wake.
func (w *world) sleep(t *rapid.T, d time.Duration, atWake func()) {
	for until := w.now.Add(d); w.now.Before(until); {
		if w.wake.After(until) {
			w.now = until
			return
		}
		w.now = w.wake
		atWake()
		w.pass(t)
	}
}
