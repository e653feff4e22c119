package renewal_test

import (
	"reflect"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

// failer is what tests, fuzz targets and properties have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
}

// checkPlan asserts what holds for every plan, whatever the facts.
func checkPlan(t failer, f renewal.Facts, p renewal.Plan) {
	t.Helper()
	if again := renewal.Decide(f); !reflect.DeepEqual(p, again) {
		t.Errorf("the same facts give another plan (-first +second):\n%s", cmp.Diff(p, again))
	}
	if p.Rule == "" {
		t.Errorf("no rule decided")
	}
	checkHeld(t, f, p)
	checkWake(t, f, p)
	if p.Step == renewal.Ask {
		checkAsk(t, f, p)
	}
	if (p.Step == renewal.Store) != (p.Source != renewal.NoSource) {
		t.Errorf("step %v with the source %v", p.Step, p.Source)
	}
	if g := toStore(f, p); g != nil && !g.Alive(f.Now) {
		t.Errorf("stores a URL that is dead")
	}
	if p.Quiet && p.Rule != renewal.RuleAwaitsItsTurn {
		t.Errorf("rule %s says nothing", p.Rule)
	}
	if ours := f.Secret != renewal.SecretForeign && f.Secret != renewal.SecretOfPredecessor; !ours && p.Step != renewal.Wait {
		t.Errorf("step %v in front of a Secret that is not ours", p.Step)
	}
}

// toStore is the grant that the plan stores, nil for none.
func toStore(f renewal.Facts, p renewal.Plan) *renewal.Grant {
	switch p.Source {
	case renewal.FromMemory:
		return f.Unsaved
	case renewal.FromStatus:
		return f.InStatus
	case renewal.NoSource:
	}
	return nil
}

func checkHeld(t failer, f renewal.Facts, p renewal.Plan) {
	t.Helper()
	if p.Active == nil && (p.UpToDate || !p.Due.IsZero() || p.Cause != renewal.NoneAlive) {
		t.Errorf("without a live URL: current %v, due %v, cause %q", p.UpToDate, p.Due, p.Cause)
	}
	if p.Active != nil && (!p.Active.Alive(f.Now) || p.Cause == renewal.NoneAlive) {
		t.Errorf("holds a URL that is alive %v, with cause %q", p.Active.Alive(f.Now), p.Cause)
	}
	if p.Active != nil && !p.UpToDate && p.Cause != renewal.InputsChanged {
		t.Errorf("holds a URL for other inputs, with cause %q", p.Cause)
	}
}

func checkWake(t failer, f renewal.Facts, p renewal.Plan) {
	t.Helper()
	if p.Step != renewal.Wait {
		if !p.RequeueAt.IsZero() {
			t.Errorf("step %v, and yet a time to wake", p.Step)
		}
		return
	}
	if ahead := p.RequeueAt.Sub(f.Now); ahead <= 0 || ahead > 10*time.Minute {
		t.Errorf("waits %v, want more than nothing and at most ten minutes", ahead)
	}
	if p.Active != nil && p.RequeueAt.After(p.Active.ExpiresAt()) {
		t.Errorf("sleeps beyond the expiry of its URL")
	}
}

// checkAsk asserts that nothing was in the way of a request.
func checkAsk(t failer, f renewal.Facts, p renewal.Plan) {
	t.Helper()
	if p.Cause == renewal.NoCause {
		t.Errorf("asks without a cause")
	}
	if f.Suspended {
		t.Errorf("asks for a suspended session")
	}
	if f.Key != renewal.KeyRead {
		t.Errorf("asks without a key: state %v", f.Key)
	}
	if pause := f.PausedUntil.Sub(f.Now); pause > 0 && pause <= time.Hour {
		t.Errorf("asks in a pause that lasts %v more", pause)
	}
	if ago := f.Now.Sub(f.Asked); ago >= 0 && ago < 10*time.Second {
		t.Errorf("asks %v after the last request", ago)
	}
	if f.Write.Failed {
		t.Errorf("asks although what is granted could not be stored")
	}
	if !f.QueuedSince.IsZero() {
		t.Errorf("asks out of turn")
	}
	if p.Blocked != "" {
		t.Errorf("asks although blocked: %s", p.Blocked)
	}
}
