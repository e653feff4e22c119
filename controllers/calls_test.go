package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

func writesIn(namespace string) groupName { return groupName{namespace, secretWrite} }

var ofFinance = writesIn("finance")

// mark notes that a group is slow, or that it has recovered.
func (c *calls) mark(name groupName, isSlow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range minQuick {
		c.group(name).note(isSlow, c.clock.Now())
	}
}

// TestCallsOfOneNamespaceLeaveWorkersToOthers: who finds its namespace full waits once, and
// then nobody does until calls have ended soon.
func TestCallsOfOneNamespaceLeaveWorkersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(6, clock.RealClock{}, nil)
		end := make(chan struct{})
		for range 7 {
			go func() { _ = c.do(t.Context(), writesIn("hangs"), func() error { <-end; return nil }) }()
		}
		synctest.Wait()
		call := func(namespace string, want error, wait time.Duration) {
			t.Helper()
			begun, made := time.Now(), false
			err := c.do(t.Context(), writesIn(namespace), func() error { made = true; return nil })
			if !errors.Is(err, want) || made != (want == nil) {
				t.Errorf("in %s: %v, made: %t", namespace, err, made)
			}
			if waited := time.Since(begun); waited != wait {
				t.Errorf("in %s it waits %s, want %s", namespace, waited, wait)
			}
		}
		call("other", nil, 0)
		call("hangs", busyError{writesIn("hangs")}, minSlow)
		call("hangs", busyError{writesIn("hangs")}, 0)
		call("other", nil, 0)
		close(end)
		synctest.Wait()
		for range minQuick {
			if len(c.groups) != 1 {
				t.Errorf("%d groups are remembered, want the one that was slow", len(c.groups))
			}
			call("hangs", nil, 0)
		}
		if len(c.groups) != 0 {
			t.Errorf("%d groups are remembered without a call", len(c.groups))
		}
	})
}

// TestCallsThatHangInManyNamespacesLeaveWorkersToOthers: one webhook reviews the Secrets of all
// of them, and the API server refuses each write when it has waited for that long enough.
func TestCallsThatHangInManyNamespacesLeaveWorkersToOthers(t *testing.T) {
	const places, namespaces = 6, 20
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(places, clock.RealClock{}, nil)
		underWay := 0
		var counting sync.Mutex
		count := func(n int) int {
			counting.Lock()
			defer counting.Unlock()
			underWay += n
			return underWay
		}
		hang := func(namespace int) error {
			return c.do(t.Context(), writesIn(fmt.Sprint("hangs-", namespace)), func() error {
				count(1)
				defer count(-1)
				time.Sleep(maxHang)
				return errors.New("failed calling webhook")
			})
		}
		var first sync.WaitGroup
		for n := range namespaces {
			first.Go(func() {
				if err := hang(n); isBusy(err) {
					t.Errorf("the first call of a namespace is not made: %v", err)
				}
			})
		}
		first.Wait()
		for again := range 5 { // as sessions come back
			for n := range namespaces {
				go func() { _ = hang(n) }()
			}
			synctest.Wait()
			if n := count(0); n != places {
				t.Errorf("round %d: %d calls hang, want %d", again, n, places)
			}
			for _, other := range []groupName{ofFinance, {"hangs-0", statusWrite}} {
				made, begun := false, time.Now()
				err := c.do(t.Context(), other, func() error { made = true; return nil })
				if err != nil || !made || time.Since(begun) > 0 {
					t.Errorf("round %d: a call of %v after %v: %v, made: %t", again, other, time.Since(begun), err, made)
				}
			}
			time.Sleep(time.Minute)
		}

		time.Sleep(slowFor)
		_ = c.do(t.Context(), ofFinance, func() error { return nil })
		if len(c.groups) > 0 {
			t.Errorf("%d groups are remembered long after their last call", len(c.groups))
		}
	})
}

// TestCallsFollowEachOther: a call that is not made costs another pass over its session.
func TestCallsFollowEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(2, clock.RealClock{}, nil)
		var callers sync.WaitGroup
		for range 4 {
			callers.Go(func() {
				for range 5 {
					if err := c.do(t.Context(), ofFinance, func() error { time.Sleep(minSlow * 9 / 10); return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		callers.Wait()
	})
}

// TestWaitingForACallEndsSoon: those that wait hold the workers of other namespaces.
func TestWaitingForACallEndsSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(1, clock.RealClock{}, nil)
		var callers sync.WaitGroup
		for range 9 {
			callers.Go(func() {
				begun := time.Now()
				_ = c.do(t.Context(), ofFinance, func() error { time.Sleep(minSlow * 9 / 10); return nil })
				if held := time.Since(begun); held > 2*minSlow {
					t.Errorf("a call held its worker for %s", held)
				}
			})
		}
		callers.Wait()
	})
}

// wakes is calls that note who is woken.
func wakes(places int) (c *calls, woken *[]string) {
	woken = &[]string{}
	c = newCalls(places, clock.RealClock{}, func(session types.NamespacedName) { *woken = append(*woken, session.Name) })
	return c, woken
}

func named(name string) types.NamespacedName { return types.NamespacedName{Name: name} }

// occupyAll takes the shared places for a group that is slow.
func (c *calls) occupyAll(name groupName) (end func()) {
	c.mark(name, true)
	g := c.group(name)
	n := c.free
	for range n {
		c.occupy(g, sharedPlace, c.clock.Now())
	}
	return func() {
		for range n {
			c.end(g, sharedPlace, true)
		}
	}
}

// TestWhoWaitsIsWokenWhenACallCanBeBegun, and not before: looking again would cost a pass.
func TestWhoWaitsIsWokenWhenACallCanBeBegun(t *testing.T) {
	t.Parallel()
	c, woken := wakes(2)
	end := c.occupyAll(ofFinance)
	for _, name := range []string{"first", "second", "first"} {
		c.wait(named(name), ofFinance)
	}
	if c.passed(named("first")); len(*woken) > 0 {
		t.Errorf("%v are woken while no call can be begun", *woken)
	}
	end()
	if !slices.Equal(*woken, []string{"first", "second"}) {
		t.Errorf("%v are woken, want each once and the first first", *woken)
	}
	c.passed(named("first"))
	c.wait(named("first"), ofFinance)
	if c.passed(named("first")); len(*woken) != 3 {
		t.Error("who was woken once is not woken again")
	}
}

// TestAPlaceIsKeptForWhoIsWoken until its pass is over: sessions whose calls hang come back all the
// time, and would be faster.
func TestAPlaceIsKeptForWhoIsWoken(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	end := c.occupyAll(writesIn("hangs"))
	c.mark(ofFinance, true)
	for _, name := range []string{"acme", "globex"} {
		c.wait(named(name), ofFinance)
	}
	end()
	call := func(name string, group groupName) bool {
		return c.do(withCaller(t.Context(), caller{session: named(name)}), group, func() error { return nil }) == nil
	}
	if call("initech", writesIn("hangs")) || call("globex", ofFinance) {
		t.Error("a call is begun in a place that is kept for another session")
	}
	c.mark(groupName{"finance", statusWrite}, true)
	if call("acme", groupName{"finance", statusWrite}) {
		t.Error("a call of another kind is begun in the place that is kept")
	}
	if !call("acme", ofFinance) {
		t.Error("a call is not begun in the place that is kept for it")
	}
	c.passed(named("globex")) // which needs no call any more
	if call("initech", writesIn("hangs")); !slices.Equal(*woken, []string{"acme", "globex"}) || len(c.kept) > 0 {
		t.Errorf("%v are woken, and %d places are kept", *woken, len(c.kept))
	}
	if !call("initech", writesIn("hangs")) {
		t.Error("the place is lost")
	}
}

// TestAPlaceIsKeptForOneCallOnly: a session may wait for two, as passes end at the first that
// cannot be begun.
func TestAPlaceIsKeptForOneCallOnly(t *testing.T) {
	t.Parallel()
	c, woken := wakes(2)
	end := c.occupyAll(writesIn("hangs"))
	statuses := groupName{"finance", statusWrite}
	c.mark(ofFinance, true)
	c.mark(statuses, true)
	c.wait(named("acme"), ofFinance)
	c.wait(named("acme"), statuses)
	end()
	c.passed(named("acme"))
	if !slices.Equal(*woken, []string{"acme"}) || c.free != 2 || len(c.line) > 0 {
		t.Errorf("%v are woken; %d places are free, and %d groups want one", *woken, c.free, len(c.line))
	}
}

// TestTheGroupThatHasHadTheLeastHasTheNextPlace, and the one that came first of those that have had as
// little.
func TestTheGroupThatHasHadTheLeastHasTheNextPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, woken := wakes(8)
		for _, namespace := range []string{"a", "b", "c", "d"} {
			c.mark(writesIn(namespace), true)
		}
		call := func(namespace string, takes time.Duration) {
			_ = c.do(t.Context(), writesIn(namespace), func() error { time.Sleep(takes); return nil })
		}
		call("a", 3*time.Second)
		call("b", 2*time.Second)
		end := c.occupyAll(writesIn("hangs"))
		for _, namespace := range []string{"a", "b", "c", "d"} {
			for _, name := range []string{"1", "2"} {
				c.wait(named(namespace+name), writesIn(namespace))
			}
		}
		end()
		if want := []string{"c1", "d1", "b1", "a1", "c2", "d2", "b2", "a2"}; !slices.Equal(*woken, want) {
			t.Errorf("%v are woken, want %v", *woken, want)
		}
	})
}

// TestALoadIsForgotten: what a group had an hour ago says nothing of what it needs.
func TestALoadIsForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := &callGroup{measured: now}
	g.hold(4, now)
	for _, row := range []struct {
		after       time.Duration
		least, most float64
	}{
		{0, 0, 0},
		{time.Second, 0.05, 0.08},
		{loadTime, 2, 3},
		{time.Hour, 3.99, 4},
	} {
		if load := g.loadAt(now.Add(row.after)); load < row.least || load > row.most {
			t.Errorf("after %v of four places the load is %v, want %v to %v", row.after, load, row.least, row.most)
		}
	}
	later := now.Add(time.Hour)
	g.hold(-4, later)
	if load := g.loadAt(later.Add(time.Hour)); load > 0.01 {
		t.Errorf("an hour after the last call the load is %v", load)
	}
}

// TestAGroupThatHasRecoveredIsNotHeldUpByOnesThatHang: its own place is free again, also for those
// of its sessions that wait already.
func TestAGroupThatHasRecoveredIsNotHeldUpByOnesThatHang(t *testing.T) {
	t.Parallel()
	c, woken := wakes(6)
	c.occupyAll(writesIn("hangs"))
	c.mark(ofFinance, true)
	for _, name := range []string{"acme", "globex"} {
		c.wait(named(name), ofFinance)
	}
	if c.passed(named("acme")); len(*woken) > 0 {
		t.Errorf("%v are woken while others have all places", *woken)
	}
	c.mark(ofFinance, false)
	c.passed(named("another"))
	if !slices.Equal(*woken, []string{"acme"}) {
		t.Errorf("%v are woken, want one for the own place", *woken)
	}
	if c.passed(named("acme")); !slices.Equal(*woken, []string{"acme", "globex"}) {
		t.Errorf("%v are woken, want the other one too", *woken)
	}
}

// TestWhoWaitsIsWokenForASharedPlaceToo: that its group's own place is taken, by a call that
// takes a little, is no reason to wait.
func TestWhoWaitsIsWokenForASharedPlaceToo(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	c.occupy(c.group(ofFinance), ownPlace, c.clock.Now())
	c.wait(named("acme"), ofFinance)
	if c.passed(named("acme")); len(*woken) == 0 {
		t.Error("it is not woken")
	}
}

// TestSharedPlacesAreLeftToWhoNeedsThem: the first call of a group takes the group's own place,
// and further ones wait for that too.
func TestSharedPlacesAreLeftToWhoNeedsThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(1, clock.RealClock{}, nil)
		_ = c.do(t.Context(), ofFinance, func() error {
			if c.free != 1 {
				t.Error("the shared place is taken while its own is free")
			}
			return nil
		})
		c.occupyAll(writesIn("hangs"))
		var callers sync.WaitGroup
		for range 2 {
			callers.Go(func() {
				if err := c.do(t.Context(), ofFinance, func() error { time.Sleep(minSlow / 2); return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
	})
}

// TestAGroupIsRememberedWhileACallIsUnderWay: otherwise the next call would find its own place free.
func TestAGroupIsRememberedWhileACallIsUnderWay(t *testing.T) {
	t.Parallel()
	c := newCalls(1, clock.RealClock{}, nil)
	_ = c.do(t.Context(), ofFinance, func() error {
		_ = c.do(t.Context(), ofFinance, func() error { return nil })
		if g := c.groups[ofFinance]; g == nil || !g.hasOwn {
			t.Error("the group is forgotten")
		}
		return nil
	})
	if len(c.groups) > 0 || c.free != 1 {
		t.Errorf("%d groups are remembered, and %d places are free", len(c.groups), c.free)
	}
}

// TestAGroupIsRememberedWhileSessionsWait, however long that is.
func TestAGroupIsRememberedWhileSessionsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, woken := wakes(1)
		end := c.occupyAll(writesIn("hangs"))
		c.mark(ofFinance, true)
		c.occupy(c.group(ofFinance), ownPlace, c.clock.Now())
		c.wait(named("acme"), ofFinance)
		g := c.groups[ofFinance]
		time.Sleep(2 * slowFor)
		_ = c.do(t.Context(), writesIn("another"), func() error { return nil })
		if c.groups[ofFinance] != g {
			t.Error("the group is forgotten")
		}
		if end(); !slices.Equal(*woken, []string{"acme"}) {
			t.Errorf("%v are woken", *woken)
		}
	})
}

// TestARefusalDoesNotDelayRecovery: only slow calls tell that a group is slow still.
func TestARefusalDoesNotDelayRecovery(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := &callGroup{}
	g.note(true, now)
	for n := range minQuick {
		if !g.isSlow(now) {
			t.Errorf("it has recovered after %d calls", n)
		}
		g.refuse(now)
		g.note(false, now)
	}
	if g.isSlow(now) {
		t.Error("it has not recovered")
	}
}

// TestAPlaceThatIsHandedTooLateIsNotLost: a worker gives up in the moment in which it has the next.
func TestAPlaceThatIsHandedTooLateIsNotLost(t *testing.T) {
	t.Parallel()
	c := newCalls(1, clock.RealClock{}, nil)
	g, own, _ := c.take(ofFinance, named("acme"))
	_, shared, _ := c.take(ofFinance, named("globex"))
	_, _, handed := c.take(ofFinance, named("initech"))
	c.end(g, own, false)
	if place := c.giveUp(t.Context(), g, handed); place != own || g.isSlow(time.Now()) {
		t.Errorf("place %v is handed, and the group counts as slow: %t", place, g.isSlow(time.Now()))
	}
	if shared != sharedPlace {
		t.Errorf("the second call has place %v", shared)
	}
}

// TestAGroupIsInTheLineOnce: who gives up leaves it there until the next place is handed out.
func TestAGroupIsInTheLineOnce(t *testing.T) {
	t.Parallel()
	c := newCalls(1, clock.RealClock{}, nil)
	for range 2 {
		_, _, _ = c.take(ofFinance, named("acme")) // now both places are taken
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		g, _, handed := c.take(ofFinance, named("globex"))
		c.giveUp(ctx, g, handed)
	}
	if len(c.line) != 1 {
		t.Errorf("it is there %d times", len(c.line))
	}
}

// TestACallThatPanicsIsOver: otherwise its namespace would be full for ever after a few.
func TestACallThatPanicsIsOver(t *testing.T) {
	t.Parallel()
	c := newCalls(1, clock.RealClock{}, nil)
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			_ = c.do(t.Context(), ofFinance, func() error { panic("a defect") })
		}()
	}
	if err := c.do(t.Context(), ofFinance, func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestACallOfACancelledPassIsNotMade: the pass is over. That says nothing of the group.
func TestACallOfACancelledPassIsNotMade(t *testing.T) {
	t.Parallel()
	c := newCalls(1, clock.RealClock{}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	_ = c.do(t.Context(), ofFinance, func() error { // takes the namespace's own place
		return c.do(ctx, ofFinance, func() error { // and this one the shared place
			cancel()
			if err := c.do(ctx, ofFinance, func() error { return nil }); !isBusy(err) {
				t.Errorf("%v", err)
			}
			if c.groups[ofFinance].isSlow(time.Now()) {
				t.Error("the group counts as slow")
			}
			return nil
		})
	})
}

// TestWhenTheProcessStopsCallsAreMade: nobody would come back to write what was granted.
func TestWhenTheProcessStopsCallsAreMade(t *testing.T) {
	t.Parallel()
	c := newCalls(1, clock.RealClock{}, nil)
	c.occupyAll(ofFinance)
	stop := make(chan struct{})
	ctx := withCaller(t.Context(), caller{stop: stop})
	if err := c.do(ctx, ofFinance, func() error { return nil }); !isBusy(err) {
		t.Errorf("before it stops: %v", err)
	}
	close(stop)
	if err := c.do(ctx, ofFinance, func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestCallsThatTakeLongAreSlowHoweverTheyEnd: each holds a worker.
func TestCallsThatTakeLongAreSlowHoweverTheyEnd(t *testing.T) {
	for _, row := range []struct {
		takes  time.Duration
		err    error
		isSlow bool
	}{
		{minSlow, errors.New("refused"), true},
		{minSlow, nil, true},
		{minSlow - 1, errors.New("refused"), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCalls(8, clock.RealClock{}, nil)
			_ = c.do(t.Context(), ofFinance, func() error { time.Sleep(row.takes); return row.err })
			if isSlow := len(c.groups) > 0; isSlow != row.isSlow {
				t.Errorf("after %v (%v) it is slow: %t", row.takes, row.err, isSlow)
			}
		})
	}
}
