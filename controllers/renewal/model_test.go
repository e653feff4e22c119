package renewal_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// anyLife is mostly a life that somebody would declare, and sometimes seconds.
func anyLife() *rapid.Generator[int] {
	return rapid.OneOf(rapid.IntRange(1, 30), rapid.IntRange(60, 900), rapid.IntRange(60, 3*24*3600))
}

func lifeOfAMinuteAtLeast() *rapid.Generator[int] {
	return rapid.OneOf(rapid.IntRange(60, 900), rapid.IntRange(60, 3*24*3600))
}

// drawWorld is a session that was just created, looked at once.
func drawWorld(t *rapid.T, lives *rapid.Generator[int], mood mood) *world {
	start := now.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "start")))
	w := newWorld(start, lives)
	w.mood = mood
	w.skew = seconds(t, "skew", -7200, 7200)
	w.pass(t)
	return w
}

// peacefulActs are what users and clusters do that never costs a URL.
func peacefulActs(w *world, atWake func()) map[string]func(*rapid.T) {
	then := func(act func(*rapid.T)) func(*rapid.T) {
		return func(t *rapid.T) { act(t); w.pass(t) }
	}
	return map[string]func(*rapid.T){
		"a moment passes":   func(t *rapid.T) { w.sleep(t, seconds(t, "pass", 1, 60), atWake) },
		"minutes pass":      func(t *rapid.T) { w.sleep(t, seconds(t, "pass", 60, 1200), atWake) },
		"hours pass":        func(t *rapid.T) { w.sleep(t, seconds(t, "pass", 1200, 6*3600), atWake) },
		"time is let go by": func(t *rapid.T) { w.sleep(t, seconds(t, "pass", 0, 3600), atWake) },
		"somebody asks for a fresh URL": then(func(t *rapid.T) {
			w.spec.token = rapid.StringMatching(`t[0-9]{3}`).Draw(t, "token")
		}),
		"the key is rotated": then(func(*rapid.T) {
			w.key = keySecret{version: w.key.version + 1, value: w.key.value + "'"}
		}),
		"the key Secret is applied again": then(func(*rapid.T) { w.key.version++ }),
		"another purge is declared": then(func(t *rapid.T) {
			w.spec.purge = rapid.SampledFrom([]v1alpha1.Purge{"", v1alpha1.PurgeDelete}).Draw(t, "purge")
		}),
		"the URL is hidden or shown": then(func(*rapid.T) { w.spec.hidden = !w.spec.hidden; w.patchStatus() }),
		"the Secret is deleted":      then(func(*rapid.T) { w.api.secret, w.api.stored = renewal.SecretAbsent, nil }),
		"the Secret is edited": then(func(*rapid.T) {
			if w.api.stored != nil {
				w.api.secret, w.api.stored = renewal.SecretEdited, nil
			}
		}),
		"labels of the Secret are edited": then(func(*rapid.T) {
			if w.api.secret == renewal.SecretOurs {
				w.api.secret = renewal.SecretDrifted
			}
		}),
		"the controller restarts": then(func(*rapid.T) { w.restart() }),
		"another margin is declared": then(func(t *rapid.T) {
			w.spec.renewBefore = rapid.SampledFrom([]time.Duration{0, 15 * s, 200 * s, 24 * time.Hour}).Draw(t, "renewBefore")
		}),
		"an event changes nothing": then(func(*rapid.T) {}),
	}
}

// hostileActs can leave a session without a URL, and yet must not break the rules.
func hostileActs(w *world, atWake func()) map[string]func(*rapid.T) {
	acts := peacefulActs(w, atWake)
	for name, act := range map[string]func(*rapid.T){
		"the endpoint changes": func(t *rapid.T) { w.mood = rapid.SampledFrom(moods).Draw(t, "mood") },
		"suspend is flipped":   func(*rapid.T) { w.spec.suspended = !w.spec.suspended },
		"the key goes or comes": func(*rapid.T) {
			w.key.missing = !w.key.missing
			w.key.version++
		},
		"the key becomes invalid or valid": func(*rapid.T) {
			w.key.invalid = !w.key.invalid
			w.key.version++
		},
		"writes begin or cease to be refused": func(*rapid.T) { w.api.refuses = !w.api.refuses },
	} {
		acts[name] = func(t *rapid.T) { act(t); w.pass(t) }
	}
	return acts
}

// Whatever the endpoint answers and people do, a session keeps the rules.
func TestSessionKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, anyLife(), anyMood)
		t.Repeat(hostileActs(w, func() {}))
	})
}

// The same, when the clock of the controller's machine is set now and then.
func TestSessionKeepsTheRulesWhileClocksJump(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, anyLife(), anyMood)
		acts := hostileActs(w, func() {})
		acts["the clock is set"] = func(t *rapid.T) {
			by := seconds(t, "jump", -24*3600, 24*3600)
			w.now, w.skew, w.jumped = w.now.Add(by), w.skew-by, true
			// Two requests across a jump may look closer than they are.
			w.requests = nil
			w.pass(t)
		}
		t.Repeat(acts)
	})
}

// An endpoint that grants is all it takes: no URL ever expires in its Secret.
func TestNoURLExpiresWhileTheEndpointGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, lifeOfAMinuteAtLeast(), mood(v1alpha1.OutcomeGranted))
		alive := func() {
			if g := w.api.stored; g != nil && !g.Expire.After(w.serverNow()) {
				t.Fatalf("the Secret holds a URL that expired %v ago", w.serverNow().Sub(g.Expire))
			}
		}
		acts := peacefulActs(w, alive)
		acts[""] = func(*rapid.T) { alive() }
		t.Repeat(acts)
	})
}

// After a clock that was set is left alone, a granting endpoint makes a session
// well again: it is not asked over and over, and nothing waits for the old time.
func TestSessionRecoversFromAClockThatWasSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, rapid.IntRange(600, 600), mood(v1alpha1.OutcomeGranted))
		w.sleep(t, seconds(t, "before", 0, 3600), func() {})
		w.mood = rapid.SampledFrom(moods).Draw(t, "mood")
		w.sleep(t, seconds(t, "trouble", 0, 3600), func() {})
		w.mood = mood(v1alpha1.OutcomeGranted)

		by := seconds(t, "jump", 3*3600, 24*3600)
		if rapid.Bool().Draw(t, "back") {
			by = -by
		}
		w.now, w.skew, w.jumped, w.requests = w.now.Add(by), w.skew-by, true, nil
		w.pass(t)
		w.sleep(t, 15*m, func() {})
		if n := len(w.requests); n < 1 || n > 8 {
			t.Errorf("%d requests in the quarter of an hour after the clock was set by %v, want a few", n, by)
		}
		if g := w.api.stored; g == nil || !g.Expire.After(w.serverNow()) {
			t.Errorf("no live URL a quarter of an hour after the clock was set by %v", by)
		}
	})
}

// An endpoint that hands out the same URL until it expires is not hammered.
func TestRepeatedURLIsNotHammered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t, rapid.IntRange(3600, 3600), repeating)
		w.sleep(t, 59*m, func() {})
		// Due after 34 to 40 minutes; the waits double up to a quarter of what is left.
		if n := len(w.requests); n < 2 || n > 25 {
			t.Errorf("%d requests within the life of one URL", n)
		}
	})
}
