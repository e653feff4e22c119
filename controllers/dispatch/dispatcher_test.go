package dispatch

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// bench is a Dispatcher without a goroutine of its own: it gives out turns when the
// test says so.
type bench struct {
	*Dispatcher
	clock *testingclock.FakeClock
	woken []types.NamespacedName
	turns map[types.NamespacedName]*Turn
}

func newBench(qps float64, burst, slots int) *bench {
	b := &bench{
		clock: testingclock.NewFakeClock(time.Unix(rand.Int64N(4e9), 0)),
		turns: map[types.NamespacedName]*Turn{},
	}
	b.Dispatcher = New(Options{
		Clock: b.clock, QPS: qps, Burst: burst, Slots: slots,
		Wake: func(name types.NamespacedName) { b.woken = append(b.woken, name) },
	})
	return b
}

// wakes gives out turns, and returns to whom.
func (b *bench) wakes() (names []string) {
	b.dispatch()
	for _, name := range b.woken {
		names = append(names, name.Name)
	}
	b.woken = nil
	return names
}

// expectWoken gives out turns, and wants these to have them; who says in which role.
func (b *bench) expectWoken(t *testing.T, who string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, b.wakes()); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", who, diff)
	}
}

// ask reports whether the session may ask.
func (b *bench) ask(name types.NamespacedName, key KeyID, p Priority) bool {
	turn, ok := b.TryAcquire(name, key, p)
	if ok {
		b.turns[name] = turn
	}
	return ok
}

// answered ends the turn of a session.
func (b *bench) answered(name types.NamespacedName, throttled bool, retryAfter time.Duration) time.Time {
	turn := b.turns[name]
	delete(b.turns, name)
	return turn.Release(throttled, retryAfter)
}

func called(name string) types.NamespacedName { return types.NamespacedName{Name: name} }

func in(namespace, name string) types.NamespacedName {
	return types.NamespacedName{Namespace: namespace, Name: name}
}

func keyNumber(n int) (id KeyID) {
	id[0], id[1], id[2] = byte(n), byte(n>>8), byte(n>>16)
	return id
}

var anyPriority = FirstIssue(time.Time{})

// prove lets the endpoint answer one request with the key, so that it is known not
// to be paused.
func (b *bench) prove(key KeyID) {
	if !b.ask(called("probe"), key, anyPriority) {
		panic("the first has no turn")
	}
	b.answered(called("probe"), false, 0)
	b.wakes()
}

func TestPauseOfAKey(t *testing.T) {
	t.Parallel()
	b := newBench(0, 1, 10)
	key, other := keyNumber(1), keyNumber(2)
	ask := func(name string, key KeyID) bool { return b.ask(called(name), key, anyPriority) }
	lasts := func() time.Duration { return b.PausedUntil(key).Sub(b.clock.Now()) }
	if until := b.PausedUntil(key); !until.IsZero() {
		t.Errorf("a key that nobody asked with is paused until %s", until)
	}

	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		if !ask("a", key) {
			t.Fatal("the probe may not ask after the pause")
		}
		if ask("b", key) || b.wakes() != nil {
			t.Fatal("another goes along with the probe")
		}
		if !ask("c", other) {
			t.Fatal("another key is paused as well")
		}
		if until := b.answered(called("c"), false, 0); !until.IsZero() {
			t.Errorf("another key is paused until %s", until)
		}
		if until := b.answered(called("a"), true, 0); !until.Equal(b.PausedUntil(key)) {
			t.Errorf("said to be paused until %s", until)
		}
		if got := lasts(); got != want {
			t.Errorf("paused for %s, want %s", got, want)
		}
		b.expectWoken(t, "who waited for the probe is to decide anew", "b")
		if ask("b", key) {
			t.Error("a turn during a pause")
		}
		b.Cancel(called("b"))
		b.clock.Step(want)
	}

	ask("a", key)
	b.answered(called("a"), true, 77*time.Second)
	if got := lasts(); got != 77*time.Second {
		t.Errorf("paused for %s, want as long as told", got)
	}
	b.clock.Step(77 * time.Second)
	b.prove(key)
	ask("a", key)
	ask("b", key)
	b.answered(called("a"), true, 0)
	if got := lasts(); got != 30*time.Second {
		t.Errorf("paused for %s after an answer in between, want 30s", got)
	}
	b.answered(called("b"), true, 0) // it was under way together with a
	if got := lasts(); got != 30*time.Second {
		t.Errorf("one pause was counted twice: %s", got)
	}
}

// TestPauseIsRememberedForAWhile: a key that is throttled again at once is paused longer.
func TestPauseIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	b := newBench(0, 1, 1)
	key := keyNumber(1)
	for _, want := range []time.Duration{30 * time.Second, time.Minute} {
		b.ask(called("a"), key, anyPriority)
		until := b.answered(called("a"), true, 0)
		if got := until.Sub(b.clock.Now()); got != want {
			t.Fatalf("paused for %s, want %s", got, want)
		}
		b.clock.Step(want + maxUnused - 1)
		b.dispatch()
	}
}

func TestTurnsEndOnce(t *testing.T) {
	t.Parallel()
	b := newBench(0, 1, 2)
	turn, _ := b.TryAcquire(called("a"), keyNumber(1), anyPriority)
	until := turn.Release(true, 0)
	turn.Abandon()
	turn.Abandon()
	if again := turn.Release(true, time.Hour); !again.Equal(until) {
		t.Errorf("paused until %s, want %s", again, until)
	}
	if b.inFlight != 0 {
		t.Errorf("%d under way", b.inFlight)
	}
	turn, _ = b.TryAcquire(called("a"), keyNumber(2), anyPriority)
	turn.Abandon()
	if until := turn.Release(true, time.Hour); !until.IsZero() {
		t.Error("an answer after the turn was abandoned counts")
	}
}

func TestKeyIDs(t *testing.T) {
	t.Parallel()
	parse := func(text string) endpoint.Key {
		key, err := endpoint.ParseKey([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	d, other := newBench(0, 1, 1), newBench(0, 1, 1)
	a, b := parse("key-a"), parse("key-b")
	if again := d.KeyID(a); again != d.KeyID(a) || again == d.KeyID(b) {
		t.Error("not the same for the same key only")
	}
	if d.KeyID(a) == other.KeyID(a) {
		t.Error("what is known of one process tells of another")
	}
}

// TestOddPauses are those that TestPauseOfAKey does not come by.
func TestOddPauses(t *testing.T) {
	t.Parallel()
	if got := pause(1<<63-1, 0); got != maxPause {
		t.Errorf("however long it goes on: pauses %v, want %v", got, maxPause)
	}
	for why, got := range map[string]time.Duration{"none is as one": pause(0, 0), "a time in the past is no word": pause(1, -time.Minute)} {
		if got != firstPause {
			t.Errorf("%s: pauses %v, want %v", why, got, firstPause)
		}
	}
}

// A timer of zero would make the loop look again at once, over and over, while the limiter's
// next turn is less than its own resolution away.
func TestNoWaitForATurnIsZero(t *testing.T) {
	b := newBench(1, 1, 1)
	if wait := b.untilAllowed(b.clock.Now()); wait <= 0 {
		t.Errorf("waits %v although a turn is free", wait)
	}
	b.limiter.AllowN(b.clock.Now(), 1)
	if wait := b.untilAllowed(b.clock.Now()); wait != time.Second {
		t.Errorf("waits %v, want until the next turn after a second", wait)
	}
}
