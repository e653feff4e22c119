package renewal_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// came is an answer without a URL.
func came(o v1alpha1.Outcome) renewal.Result {
	return renewal.Result{At: now, Outcome: o, Message: "what came of it"}
}

func throttled(pause time.Duration) renewal.Result {
	a := came(v1alpha1.OutcomeThrottled)
	a.PausedUntil = now.Add(pause)
	return a
}

func granted(g *renewal.Grant) renewal.Result {
	a := came(v1alpha1.OutcomeGranted)
	a.Grant = g
	return a
}

// justNow is a grant that was issued this moment.
func justNow(life time.Duration, options ...func(*renewal.Grant)) *renewal.Grant {
	return grant(0, life, options...)
}

// again is the same URL once more, as an answer of this moment tells it.
func again(g *renewal.Grant) *renewal.Grant {
	same := *g
	same.Issued = now.Truncate(time.Second)
	return &same
}

// attempts follow one another with the same facts and the same answer, and want
// these waits.
type attempts struct {
	why    string
	facts  renewal.Facts
	answer renewal.Result
	// waits are those without jitter; with it, the session's share of a quarter comes on top.
	waits  []time.Duration
	jitter bool
	// failures that the first attempt counts; 1 when left out.
	failures int32
}

const (
	s = time.Second
	m = time.Minute
)

func ladders() []attempts {
	// Of a grant of ten minutes that was issued 200 s ago this is what is left,
	// divided by four: exactly, as the allowance for jitter is reckoned from it.
	quarter := grant(200*s, 600*s).ExpiresAt().Sub(now) / 4
	return []attempts{
		{why: "an endpoint that cannot be reached is asked again after ten seconds, doubling to five minutes while no URL is alive",
			facts: rest(empty), answer: came(v1alpha1.OutcomeUnavailable), jitter: true,
			waits: []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 5 * m, 5 * m, 5 * m}},
		{why: "while a URL is alive the wait is at most a quarter of what is left, so that several attempts fit",
			facts: rest(holds(grant(200*s, 600*s))), answer: came(v1alpha1.OutcomeUnavailable), jitter: true,
			waits: []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, quarter, quarter}},
		{why: "a long life allows long waits",
			facts: rest(holds(grant(48*time.Hour, 72*time.Hour))), answer: came(v1alpha1.OutcomeUnavailable), jitter: true,
			waits: []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 320 * s, 640 * s}},
		{why: "a URL for older inputs does not allow to wait longer than none would",
			facts: rest(holds(grant(0, 72*time.Hour, older))), answer: came(v1alpha1.OutcomeUnavailable), jitter: true,
			waits: []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 5 * m, 5 * m}},
		{why: "a rejection waits for a person, and looks now and then",
			facts: rest(empty), answer: came(v1alpha1.OutcomeRejected),
			waits: []time.Duration{m, 5 * m, 15 * m, time.Hour, time.Hour}},
		{why: "the first rejection after an outage is a first one: the endpoint may be coming back in pieces",
			facts: rest(empty, failed(v1alpha1.OutcomeUnavailable, 0, times(9))), answer: came(v1alpha1.OutcomeRejected),
			waits: []time.Duration{m, 5 * m, 15 * m, time.Hour}},
		{why: "an outage after rejections starts from the beginning",
			facts: rest(empty, failed(v1alpha1.OutcomeRejected, 0, times(9))), answer: came(v1alpha1.OutcomeUnavailable), jitter: true,
			waits: []time.Duration{10 * s, 20 * s}},
		{why: "failures with other inputs do not count",
			facts: rest(empty, failed(v1alpha1.OutcomeUnavailable, 0, times(5)), rotated), answer: came(v1alpha1.OutcomeUnavailable), jitter: true,
			waits: []time.Duration{10 * s}},
		{why: "a throttled key waits as long as its pause",
			facts: rest(empty), answer: throttled(7 * m),
			waits: []time.Duration{7 * m, 7 * m}},
		{why: "the same URL again leaves renewal due: asking every ten seconds would be hammering",
			facts:  rest(holds(grant(200*s, 600*s)), renewBefore(450*s)),
			answer: granted(again(grant(200*s, 600*s))), jitter: true,
			waits: []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, quarter}},
		{why: "a life that ends before the next request is allowed is as good as none",
			facts: rest(empty), answer: granted(justNow(5 * s)), jitter: true,
			waits: []time.Duration{10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 5 * m}},
		{why: "a count at the end of its range stays there",
			facts: rest(empty, failed(v1alpha1.OutcomeRejected, 0, times(math.MaxInt32))), answer: came(v1alpha1.OutcomeRejected),
			waits: []time.Duration{time.Hour, time.Hour}, failures: math.MaxInt32},
	}
}

func TestAfterAFailure(t *testing.T) {
	for _, row := range ladders() {
		t.Run(row.why, func(t *testing.T) {
			f := row.facts
			for i, shortest := range row.waits {
				last := renewal.NextAttempt(f, row.answer)
				if last == nil {
					t.Fatalf("attempt %d: nothing to remember", i+1)
				}
				if row.jitter { // exactly this share: a range of a quarter would hide ladders that begin too low
					shortest += renewal.Spread(f.UID, row.answer.At, shortest/4)
				}
				longest := shortest + s // the status keeps whole seconds
				if wait := last.NextTime.Sub(row.answer.At); wait < shortest || wait >= longest {
					t.Errorf("at %v, attempt %d: waits %v, want %v to %v", now, i+1, wait, shortest, longest)
				}
				if want := max(row.failures, 1); i == 0 && last.Failures != want {
					t.Errorf("counts %d failures, want %d", last.Failures, want)
				}
				f.Last, f.LastFingerprint = last, f.Fingerprint
			}
		})
	}
}

// A wait that ends on a whole second is not rounded to the next one.
func TestAfterRemembers(t *testing.T) {
	a := throttled(7 * m)
	next := metav1.NewTime(now.Add(7*m - 250*time.Millisecond + s))
	want := &v1alpha1.Attempt{
		Time:         metav1.NewTime(now.Truncate(s)),
		Inputs:       inputs,
		RenewRequest: "t1",
		Outcome:      v1alpha1.OutcomeThrottled,
		Message:      "what came of it",
		Failures:     1,
		NextTime:     &next,
	}
	if diff := cmp.Diff(want, renewal.NextAttempt(rest(empty, token("t1")), a)); diff != "" {
		t.Errorf("at %v (-want +got):\n%s", now, diff)
	}
	a = came(v1alpha1.OutcomeRejected)
	a.At = now.Truncate(s)
	if last := renewal.NextAttempt(rest(empty), a); last.NextTime.Sub(a.At) != m {
		t.Errorf("after %v, want %v", last.NextTime.Sub(a.At), m)
	}
}

func TestAfterAGrantThatHelped(t *testing.T) {
	for _, row := range []struct {
		why   string
		facts renewal.Facts
		grant *renewal.Grant
	}{
		{"a first URL ends the wait for it", rest(empty), justNow(10 * m)},
		{"a grant ends a row of failures", rest(empty, failed(v1alpha1.OutcomeUnavailable, 0, times(9))), justNow(10 * m)},
		{"fifteen seconds are renewed as fast as is allowed, which keeps a URL alive", rest(empty), justNow(15 * s)},
		{"a shorter life in answer to a token is none while the URL that is held is fresh", rest(token("t1")), justNow(m)},
		{"a grant for today's inputs counts, whatever older ones would have had", rest(holds(grant(0, 72*time.Hour, older))), justNow(10 * m)},
		{"after the clock was set back, any grant brings a sound offset", rest(clock(-time.Hour)), fromAnHourBack()},
	} {
		t.Run(row.why, func(t *testing.T) {
			a := granted(row.grant)
			a.At = row.facts.Now
			if last := renewal.NextAttempt(row.facts, a); last != nil {
				t.Errorf("at %v: remembers %+v", now, last)
			}
		})
	}
}

// fromAnHourBack is a grant of an endpoint that did not follow our clock back.
func fromAnHourBack() *renewal.Grant {
	return justNow(10*m, func(g *renewal.Grant) {
		g.Issued, g.Offset = g.Issued.Add(-time.Hour), time.Hour
	})
}

func TestKeep(t *testing.T) {
	for _, row := range []struct {
		why   string
		facts renewal.Facts
		grant *renewal.Grant
		want  bool
	}{
		{"the first URL is kept", rest(empty), justNow(10 * m), true},
		{"a longer life replaces a shorter one", rest(holds(due())), justNow(10 * m), true},
		{"a shorter life never replaces a longer one", rest(holds(fresh())), justNow(m), false},
		{"the same URL again replaces nothing", rest(holds(fresh())), again(fresh()), false},
		{"the same URL by a Date that is a second late is the same URL", rest(holds(fresh())),
			again(fresh(func(g *renewal.Grant) { g.Offset = -s })), false},
		{"a URL for today's inputs replaces one for older ones, however long that lives", rest(holds(fresh(older))), justNow(m), true},
		{"a URL for older inputs never replaces one for today's", rest(holds(due())), justNow(10*m, older), false},
		{"what the status shows counts while the Secret is gone", rest(secret(renewal.SecretAbsent)), justNow(m), false},
		{"a key Secret applied again with the same value makes no older inputs", rest(reapplied), justNow(m, func(g *renewal.Grant) { g.Inputs.KeySecretResourceVersion = "101" }), false},
		{"after our clock was set back the old offset is wrong, and with it how long the held URL seems to live",
			rest(clock(-time.Hour)), fromAnHourBack(), true},
		{"the endpoint's clock is an hour behind what it was: its instants cannot be compared with those of before",
			rest(holds(due())), justNow(10*m, func(g *renewal.Grant) { g.Expire, g.Offset = g.Expire.Add(-time.Hour), -time.Hour }), true},
		{"clocks five seconds apart tell the same time, as nearly as it is kept: then the endpoint's own expire decides",
			rest(holds(fresh())), fresh(serverAhead(5*s), func(g *renewal.Grant) { g.Expire = g.Expire.Add(-4 * s) }), true},
		{"a shorter life stays shorter, however far ahead the clock is by which it was granted",
			rest(holds(fresh())), justNow(m, func(g *renewal.Grant) { g.Expire, g.Offset = g.Expire.Add(time.Hour), time.Hour }), false},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got := renewal.Replaces(row.facts, row.grant); got != row.want {
				t.Errorf("at %v: keeps %v, want %v", now, got, row.want)
			}
		})
	}
}

// Plans are sound for any facts, also for ones that no history leads to. And whatever came of however
// many attempts, the next one is neither too early nor later than documented.
func TestAnyPlanIsSoundAndItsNextAttemptWithinBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := drawTape(t)
		f := from.Facts()
		checkPlan(t, f, renewal.Decide(f))
		a := answerFrom(from, f.Now)
		last := renewal.NextAttempt(f, a)
		if last == nil {
			if a.Grant == nil {
				t.Errorf("%s without a URL is forgotten", a.Outcome)
			}
			return
		}
		wait := last.NextTime.Sub(a.At)
		if last.NextTime.Nanosecond() != 0 || wait < renewal.MinInterval {
			t.Errorf("%s: asks again after %v, want at least %v, in whole seconds", a.Outcome, wait, renewal.MinInterval)
		}
		if longest := longestWait(f, a); wait > longest {
			t.Errorf("%s: asks again after %v, want at most %v", a.Outcome, wait, longest)
		}
		if last.Failures < 1 {
			t.Errorf("counts %d failures", last.Failures)
		}
		if diff := cmp.Diff(last, renewal.NextAttempt(f, a)); diff != "" {
			t.Errorf("the same answer is remembered otherwise (-first +second):\n%s", diff)
		}
	})
}

// longestWait is the documented maximum, jitter and rounding included.
func longestWait(f renewal.Facts, a renewal.Result) time.Duration {
	switch a.Outcome {
	case v1alpha1.OutcomeRejected:
		return time.Hour + s
	case v1alpha1.OutcomeThrottled:
		return a.PausedUntil.Sub(a.At) + s
	}
	longest := 5 * m
	for _, g := range []*renewal.Grant{f.InSecret, f.InStatus, a.Grant} {
		if g != nil {
			longest = max(longest, g.ExpiresAt().Sub(a.At)/4)
		}
	}
	return longest + longest/4 + s
}

// TestWhatExpiresFirstComesFirstAfterAPause: sessions with one key come back within
// five seconds, not all at once.
func TestWhatExpiresFirstComesFirstAfterAPause(t *testing.T) {
	const pause = time.Minute
	comesAfter := func(f renewal.Facts) time.Duration { return renewal.Decide(f).RequeueAt.Sub(now.Add(pause)) }
	for _, left := range []time.Duration{62 * time.Second, 2 * time.Minute, 9 * time.Minute, 71 * time.Hour} {
		f := rest(holds(grant(time.Hour, time.Hour+left)), token("t1"), paused(pause))
		share := f.InSecret.ExpiresAt().Sub(now.Add(pause)) / 100
		if got, want := comesAfter(f), min(share, 5*time.Second); got != want {
			t.Errorf("with a life of %s left it comes back %s after the pause, want a hundredth of what is left then, %s", left, got, want)
		}
	}
	different := map[time.Duration]bool{}
	for i := range 100 {
		got := comesAfter(rest(empty, paused(pause), func(f *renewal.Facts) { f.UID = fmt.Sprint(i) }))
		if got < 0 || got > 5*time.Second {
			t.Errorf("without a URL it comes back %s after the pause", got)
		}
		different[got.Truncate(time.Second)] = true
	}
	if len(different) < 5 {
		t.Errorf("those without a URL come back in %d of five seconds", len(different))
	}
}
