package controllers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"
)

// turnsAt are turns whose parked sessions are woken when the test says so.
type turnsAt struct {
	*Turns
	clock *testingclock.FakeClock
	woken []types.NamespacedName
}

func newTurnsAt(qps float64, burst, slots int) *turnsAt {
	start := time.Unix(rand.Int64N(4e9), 0)
	t := &turnsAt{clock: testingclock.NewFakeClock(start)}
	t.Turns = newTurns(t.clock, qps, burst, slots, func(name types.NamespacedName) { t.woken = append(t.woken, name) })
	return t
}

// wakes gives out turns, and says to whom.
func (t *turnsAt) wakes() (names []string) {
	t.give()
	for _, name := range t.woken {
		names = append(names, name.Name)
	}
	t.woken = nil
	return names
}

func called(name string) types.NamespacedName { return types.NamespacedName{Name: name} }

func keyNumber(n byte) (id keyID) {
	id[0] = n
	return id
}

// prove lets the endpoint answer one request with the key, so that it is known not
// to be paused.
func (t *turnsAt) prove(key keyID) {
	if !t.Take(called("probe"), key, rank{}) {
		panic("the first has no turn")
	}
	t.Done(called("probe"), key, false, 0)
	t.wakes()
}

func TestNineOfTenTurnsGoToURLsThatAreAlive(t *testing.T) {
	t.Parallel()
	turns := newTurnsAt(0, 1, 1)
	key := keyNumber(1)
	turns.prove(key)
	if !turns.Take(called("busy"), key, rank{}) {
		t.Fatal("no turn while nobody waits")
	}
	now := turns.clock.Now()
	for _, i := range rand.Perm(30) {
		at := now.Add(time.Duration(i+1) * time.Minute)
		turns.Take(called(fmt.Sprintf("alive-%02d", i)), key, rank{alive: true, before: at})
		turns.Take(called(fmt.Sprintf("without-%02d", i)), key, rank{before: at})
	}
	if woken := turns.wakes(); woken != nil {
		t.Fatalf("woken while all slots are taken: %v", woken)
	}
	var alive, without []string
	last := "busy"
	for range 30 {
		turns.Done(called(last), key, false, 0)
		woken := turns.wakes()
		if len(woken) != 1 {
			t.Fatalf("woken for one slot: %v", woken)
		}
		last = woken[0]
		if !turns.Take(called(last), key, rank{}) {
			t.Fatalf("%s was woken and may not ask", last)
		}
		if last[0] == 'a' {
			alive = append(alive, last)
		} else {
			without = append(without, last)
		}
	}
	if len(without) != 3 {
		t.Errorf("%d of 30 turns went to sessions without a URL, want 3", len(without))
	}
	if !slices.IsSorted(alive) || !slices.IsSorted(without) {
		t.Errorf("not what expires first, or waits longest: %v %v", alive, without)
	}
}

func TestSessionsWithoutURLHaveAllTurnsThatNobodyElseWants(t *testing.T) {
	t.Parallel()
	turns := newTurnsAt(0, 1, 2)
	key := keyNumber(1)
	turns.prove(key)
	for i := range 6 {
		turns.Take(called(fmt.Sprint(i)), key, rank{before: turns.clock.Now().Add(time.Duration(i))})
	}
	for i := range 2 {
		turns.Done(called(fmt.Sprint(i)), key, false, 0)
	}
	if diff := cmp.Diff([]string{"2", "3"}, turns.wakes()); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

func TestURLThatExpiredInTheLineHasNoTurnOfThoseAlive(t *testing.T) {
	t.Parallel()
	turns := newTurnsAt(1, 1, 10)
	key := keyNumber(1)
	turns.prove(key)
	now := turns.clock.Now()
	for name, life := range map[string]time.Duration{"a": time.Second, "b": time.Second, "c": 3 * time.Second, "d": 4 * time.Second} {
		turns.Take(called(name), key, rank{alive: true, before: now.Add(life)})
	}
	turns.clock.Step(time.Second)
	woken := turns.wakes()
	slices.Sort(woken)
	if diff := cmp.Diff([]string{"a", "b", "c"}, woken); diff != "" {
		t.Fatalf("woken (-want +got):\n%s", diff)
	}
	for name, r := range map[string]rank{"a": {before: now}, "b": {before: now}, "c": {alive: true, before: now.Add(3 * time.Second)}} {
		if may := turns.Take(called(name), key, r); may != r.alive {
			t.Errorf("%s may ask: %t", name, may)
		}
	}
}

func TestRateLimitIsKeptAndUsedUp(t *testing.T) {
	t.Parallel()
	turns := newTurnsAt(2, 1, 10)
	key := keyNumber(1)
	turns.prove(key)
	turns.clock.Step(time.Second)
	asked := 0
	for i := range 10 {
		if turns.Take(called(fmt.Sprint(i)), key, rank{}) {
			asked++
		}
	}
	if asked != 1 {
		t.Fatalf("%d at once, want the burst of 1", asked)
	}
	for range 9 {
		if woken := turns.wakes(); woken != nil {
			t.Fatalf("woken before the limit allows: %v", woken)
		}
		turns.clock.Step(turns.give())
		if woken := turns.wakes(); len(woken) != 1 {
			t.Fatalf("woken when the limit allows one: %v", woken)
		}
	}
}

func TestPauseOfAKey(t *testing.T) {
	t.Parallel()
	turns := newTurnsAt(0, 1, 10)
	key, other := keyNumber(1), keyNumber(2)
	ask := func(name string, key keyID) bool { return turns.Take(called(name), key, rank{}) }
	pause := func() time.Duration { return turns.PausedUntil(key).Sub(turns.clock.Now()) }

	for _, want := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 10 * time.Minute} {
		if !ask("a", key) {
			t.Fatal("the probe may not ask after the pause")
		}
		if ask("b", key) || turns.wakes() != nil {
			t.Fatal("another goes along with the probe")
		}
		if !ask("c", other) {
			t.Fatal("another key is paused as well")
		}
		turns.Done(called("c"), other, false, 0)
		turns.Done(called("a"), key, true, 0)
		if got := pause(); got != want {
			t.Errorf("paused for %s, want %s", got, want)
		}
		if diff := cmp.Diff([]string{"b"}, turns.wakes()); diff != "" {
			t.Errorf("who waited for the probe is to decide anew (-want +got):\n%s", diff)
		}
		if ask("b", key) {
			t.Error("a turn during a pause")
		}
		turns.Leave(called("b"))
		turns.clock.Step(want)
	}

	ask("a", key)
	turns.Done(called("a"), key, true, 77*time.Second)
	if got := pause(); got != 77*time.Second {
		t.Errorf("paused for %s, want as long as told", got)
	}
	turns.clock.Step(77 * time.Second)
	turns.prove(key)
	ask("a", key)
	ask("b", key)
	turns.Done(called("a"), key, true, 0)
	if got := pause(); got != 30*time.Second {
		t.Errorf("paused for %s after an answer in between, want 30s", got)
	}
	turns.Done(called("b"), key, true, 0) // it was under way together with a
	if got := pause(); got != 30*time.Second {
		t.Errorf("one pause was counted twice: %s", got)
	}
}

func TestProbeThatIsNotUsedIsHandedOn(t *testing.T) {
	t.Parallel()
	turns := newTurnsAt(0, 1, 1)
	key := keyNumber(1)
	turns.prove(keyNumber(2))
	if !turns.Take(called("busy"), keyNumber(2), rank{}) {
		t.Fatal("no turn")
	}
	turns.Take(called("a"), key, rank{before: turns.clock.Now()})
	turns.Take(called("b"), key, rank{before: turns.clock.Now().Add(1)})
	turns.Done(called("busy"), keyNumber(2), false, 0)
	if diff := cmp.Diff([]string{"a"}, turns.wakes()); diff != "" {
		t.Fatalf("woken as the probe (-want +got):\n%s", diff)
	}
	turns.Leave(called("a")) // deleted, say
	if diff := cmp.Diff([]string{"b"}, turns.wakes()); diff != "" {
		t.Errorf("woken in its place (-want +got):\n%s", diff)
	}
}

// TestTurnsNeverLeakAndNeverForget drives turns as workers would, in any order.
func TestTurnsNeverLeakAndNeverForget(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 3).Draw(t, "slots")
		turns := newTurnsAt(0, 1, slots)
		asking := map[string]keyID{} // sessions whose request is under way
		waiting := map[string]bool{} // sessions that want to ask
		expires := map[string]time.Time{}
		names := []string{"a", "b", "c", "d", "e", "f"}
		anyone := rapid.SampledFrom(names)
		keyOf := func(name string) keyID { return keyNumber(name[0] % 2) }
		check := func() {
			if len(asking)+len(turns.reserved) != turns.inFlight || turns.inFlight > slots {
				t.Fatalf("%d ask, %d may, %d are counted, of %d", len(asking), len(turns.reserved), turns.inFlight, slots)
			}
			held := 0
			for _, gate := range turns.gates {
				held += len(gate.held)
				if len(gate.held) > 0 && !gate.probing() {
					t.Fatal("sessions wait for a probe that is not there")
				}
			}
			if len(turns.parked) != turns.alive.Len()+turns.without.Len()+held {
				t.Fatalf("%d parked, %d+%d in line, %d held", len(turns.parked), turns.alive.Len(), turns.without.Len(), held)
			}
		}
		// pass is what a worker does with a session that wants to ask.
		pass := func(name string) {
			if _, busy := asking[name]; busy || !waiting[name] {
				return
			}
			if !turns.PausedUntil(keyOf(name)).IsZero() {
				turns.Leave(called(name))
				return
			}
			probe := turns.gate(keyOf(name)).probe
			alive := turns.clock.Now().Before(expires[name])
			if turns.Take(called(name), keyOf(name), rank{alive: alive, before: expires[name]}) {
				if probe != (types.NamespacedName{}) && probe != called(name) {
					t.Fatalf("%s goes along with the probe %s", name, probe.Name)
				}
				asking[name] = keyOf(name)
				delete(waiting, name)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"want": func(t *rapid.T) {
				name := anyone.Draw(t, "who")
				waiting[name] = true
				expires[name] = turns.clock.Now().Add(time.Duration(rapid.IntRange(-500, 1500).Draw(t, "life")) * time.Second)
				pass(name)
			},
			"answer": func(t *rapid.T) {
				name := anyone.Draw(t, "who")
				key, ok := asking[name]
				if !ok {
					t.Skip("nothing under way")
				}
				delete(asking, name)
				turns.Done(called(name), key, rapid.Bool().Draw(t, "throttled"), 0)
				pass(name) // it may have been changed meanwhile
			},
			"leave": func(t *rapid.T) {
				name := anyone.Draw(t, "who")
				if _, busy := asking[name]; busy {
					t.Skip("its worker is busy")
				}
				delete(waiting, name)
				turns.Leave(called(name))
			},
			"time": func(t *rapid.T) {
				turns.clock.Step(time.Duration(rapid.IntRange(0, 700).Draw(t, "seconds")) * time.Second)
			},
			"look": func(*rapid.T) {
				for _, name := range turns.wakes() {
					pass(name)
				}
			},
			"": func(*rapid.T) { check() },
		})

		// Once the endpoint is well, everybody has a turn.
		turns.clock.Step(time.Hour)
		for _, name := range names {
			pass(name) // as the session's own timer does after a pause
		}
		for range 100 {
			for _, name := range turns.wakes() {
				pass(name)
			}
			for _, name := range names {
				if key, busy := asking[name]; busy {
					delete(asking, name)
					turns.Done(called(name), key, false, 0)
					pass(name)
					break
				}
			}
			check()
		}
		if len(waiting) != 0 || turns.inFlight != 0 || len(turns.parked) != 0 {
			t.Fatalf("forgotten: %v; %d turns and %d places are left", waiting, turns.inFlight, len(turns.parked))
		}
	})
}

// TestTurnGivenBeforeAPauseIsNotUsed: the endpoint said no to the key meanwhile.
func TestTurnGivenBeforeAPauseIsNotUsed(t *testing.T) {
	t.Parallel()
	turns := newTurnsAt(0, 1, 2)
	key := keyNumber(1)
	turns.prove(key)
	for _, name := range []string{"a", "b", "c"} {
		turns.Take(called(name), key, rank{})
	}
	turns.Done(called("a"), key, false, 0)
	if diff := cmp.Diff([]string{"c"}, turns.wakes()); diff != "" {
		t.Fatalf("woken (-want +got):\n%s", diff)
	}
	turns.Done(called("b"), key, true, 0)
	if turns.Take(called("c"), key, rank{}) {
		t.Error("it asks in the middle of a pause")
	}
	if diff := cmp.Diff([]string{"c"}, turns.wakes()); diff != "" {
		t.Errorf("woken to decide anew (-want +got):\n%s", diff)
	}
}
