package renewal_test

import (
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// look is a decision some time after now.
type look struct {
	at    time.Duration
	facts renewal.Facts
}

// created is a session's age.
func created(ago time.Duration) fact {
	return func(f *renewal.Facts) { f.Created = now.Add(-ago).Truncate(time.Second) }
}

func TestAURLIsWaitedFor(t *testing.T) {
	t.Parallel()
	issued := func(at time.Duration) fact { return holds(grant(-at, 10*time.Minute)) }
	dueFor := now.Sub(renewal.Due(due(), uid, 0))
	deadFor := now.Sub(dead().ExpiresAt())
	for _, row := range []struct {
		why   string
		looks []look
		// want is the wait that ended at the last look; zero for none.
		cause renewal.Cause
		want  time.Duration
	}{
		{"from the creation to the first URL", []look{
			{0, rest(empty, created(20*time.Second))}, {0, rest(issued(0), created(20*time.Second))},
		}, renewal.NoneAlive, now.Sub(now.Add(-20*time.Second).Truncate(time.Second)) - time.Second},
		{"one that was seen in the second of its creation waits since then", []look{
			{0, rest(empty, created(0))}, {100 * time.Millisecond, rest(issued(0), created(0))},
		}, renewal.NoneAlive, 100 * time.Millisecond},
		{"the API server's clock may be ahead", []look{
			{0, rest(empty, created(-time.Minute))}, {time.Second, rest(issued(0), created(-time.Minute))},
		}, renewal.NoneAlive, time.Second},
		{"from the renewal time", []look{
			{0, rest(holds(due()))}, {time.Second, rest(issued(time.Second))},
		}, renewal.RenewalDue, dueFor + time.Second},
		{"from the expiry, when it was not renewed in time", []look{
			{0, rest(holds(due()))}, {2 * time.Minute, rest(holds(due()))}, {3 * time.Minute, rest(issued(3 * time.Minute))},
		}, renewal.NoneAlive, now.Add(3 * time.Minute).Sub(due().ExpiresAt())},
		{"from the expiry, after a restart", []look{
			{0, rest(holds(dead()))}, {time.Second, rest(issued(time.Second))},
		}, renewal.NoneAlive, deadFor + time.Second},
		{"a Secret that outlived its session is not its wait", []look{
			{0, rest(holds(dead()), created(3*time.Second))}, {0, rest(issued(0), created(3*time.Second))},
		}, renewal.NoneAlive, now.Sub(now.Add(-3*time.Second).Truncate(time.Second)) - time.Second},
		{"from the look that saw other inputs", []look{
			{0, rest(holds(fresh(older)))}, {time.Second, rest(holds(fresh(older)))}, {2 * time.Second, rest(issued(2 * time.Second))},
		}, renewal.InputsChanged, 2 * time.Second},
		{"from the look that saw the request", []look{
			{0, rest(token("a"))}, {time.Second, rest(token("a"), handled("a"), issued(time.Second))},
		}, renewal.Requested, time.Second},
		{"as nobody knows when the URL was lost, from the look that missed it", []look{
			{0, rest(secret(renewal.SecretAbsent), hidden)}, {time.Second, rest(issued(time.Second))},
		}, renewal.NoneAlive, time.Second},
		{"the endpoint's failures count", []look{
			{0, rest(holds(dead()), failed(v1alpha1.OutcomeUnavailable, time.Minute))}, {time.Minute, rest(issued(time.Minute))},
		}, renewal.NoneAlive, deadFor + time.Minute},
		{"pauses of a key as well", []look{
			{0, rest(holds(dead()), paused(time.Minute))}, {time.Minute, rest(issued(time.Minute))},
		}, renewal.NoneAlive, deadFor + time.Minute},
		{"an API server that fails as well", []look{
			{0, rest(holds(dead()), writeFailed(time.Second))}, {time.Minute, rest(issued(time.Minute))},
		}, renewal.NoneAlive, deadFor + time.Minute},
		{"what a suspended session misses does not", []look{
			{0, rest(holds(dead()), suspended)}, {time.Hour, rest(holds(dead()))}, {time.Hour + time.Second, rest(issued(time.Hour))},
		}, renewal.NoneAlive, time.Second},
		{"nor a key that was missing", []look{
			{0, rest(empty, created(time.Hour), key(renewal.KeyMissing))},
			{time.Minute, rest(empty, created(time.Hour), key(renewal.KeyUnread))},
			{time.Minute + time.Second, rest(issued(time.Minute), created(time.Hour))},
		}, renewal.NoneAlive, time.Second},
		{"nor one that the endpoint rejected", []look{
			{0, rest(holds(dead()), failed(v1alpha1.OutcomeRejected, time.Hour))},
			{time.Minute, rest(holds(dead()), rotated)},
			{time.Minute + time.Second, rest(issued(time.Minute))},
		}, renewal.NoneAlive, time.Second},
		{"nor a Secret that may not be written", []look{
			{0, rest(holds(dead()), writeRefused(time.Minute))}, {time.Minute, rest(holds(dead()))}, {time.Minute, rest(issued(time.Minute))},
		}, renewal.NoneAlive, 0},
		{"inputs that are changed back need no URL", []look{
			{0, rest(holds(fresh(older)))}, {time.Second, rest(holds(fresh()))},
		}, renewal.NoCause, 0},
		{"nor does a request that is taken back", []look{{0, rest(token("a"))}, {time.Second, rest()}}, renewal.NoCause, 0},
		{"at rest nobody waits", []look{{0, rest()}, {time.Minute, rest()}}, renewal.NoCause, 0},
		{"a wait goes on", []look{{0, rest(holds(due()))}, {time.Second, rest(holds(due()))}}, renewal.NoCause, 0},
	} {
		var wait, ended renewal.URLWait
		var over bool
		var took time.Duration
		for _, l := range row.looks {
			l.facts.Now = now.Add(l.at)
			before := wait
			if wait, over = wait.Next(l.facts, renewal.Decide(l.facts)); over {
				ended, took = before, l.facts.Now.Sub(before.Since)
			}
		}
		if ended.Cause != row.cause || took != row.want {
			t.Errorf("%s: %q for %s, want %q for %s", row.why, ended.Cause, took, row.cause, row.want)
		}
	}
}

func TestMarginLeft(t *testing.T) {
	t.Parallel()
	life := grant(0, 10*time.Minute) // its margin is 200 seconds
	expires := life.ExpiresAt()
	for _, row := range []struct {
		why  string
		wait renewal.URLWait
		at   time.Time
		want float64
		ok   bool
	}{
		{"in time", renewal.URLWait{Cause: renewal.RenewalDue, Replaced: life}, expires.Add(-200 * time.Second), 1, true},
		{"halfway to the expiry", renewal.URLWait{Cause: renewal.RenewalDue, Replaced: life}, expires.Add(-100 * time.Second), .5, true},
		{"when it had expired", renewal.URLWait{Cause: renewal.NoneAlive, Replaced: life}, expires.Add(time.Hour), 0, true},
		{"a first URL renews none", renewal.URLWait{Cause: renewal.NoneAlive}, expires, 0, false},
		{"one that is asked for early has no margin", renewal.URLWait{Cause: renewal.Requested, Replaced: life}, expires.Add(-500 * time.Second), 0, false},
		{"nor has one for other inputs", renewal.URLWait{Cause: renewal.InputsChanged, Replaced: life}, expires.Add(-500 * time.Second), 0, false},
		{"one that waited for a person is late for that reason", renewal.URLWait{Cause: renewal.NoneAlive, Replaced: life, Held: true}, expires, 0, false},
		{"a grant without a life has none", renewal.URLWait{Cause: renewal.NoneAlive, Replaced: grant(0, 0)}, expires, 0, false},
	} {
		if got, ok := row.wait.MarginLeft(0, row.at); got != row.want || ok != row.ok {
			t.Errorf("%s: %v, %v, want %v, %v", row.why, got, ok, row.want, row.ok)
		}
	}
	tight := renewal.URLWait{Cause: renewal.RenewalDue, Replaced: life}
	if got, _ := tight.MarginLeft(50*time.Second, expires.Add(-50*time.Second)); got != 1 {
		t.Errorf("a margin that the user chose is %v, want 1", got)
	}
}
