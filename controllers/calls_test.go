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
	var taken []*lease
	for c.free > 0 {
		taken = append(taken, c.occupy(c.group(name), sharedPlace, c.clock.Now()))
	}
	return func() {
		for _, l := range taken {
			c.end(l.group, l, true)
		}
	}
}

// waitFor is a pass over a session that could not make its call.
func (c *calls) waitFor(name string, group groupName) {
	c.passBegins(named(name))
	c.wait(named(name), group)
	c.passEnds(named(name))
}

// TestWhoWaitsIsWokenWhenACallCanBeBegun, and not before: looking again would cost a pass.
func TestWhoWaitsIsWokenWhenACallCanBeBegun(t *testing.T) {
	t.Parallel()
	c, woken := wakes(2)
	end := c.occupyAll(ofFinance)
	for _, name := range []string{"first", "second", "first"} {
		c.waitFor(name, ofFinance)
	}
	if c.passEnds(named("first")); len(*woken) > 0 {
		t.Errorf("%v are woken while no call can be begun", *woken)
	}
	end()
	if !slices.Equal(*woken, []string{"first", "second"}) {
		t.Errorf("%v are woken, want each once and the first first", *woken)
	}
	c.passEnds(named("first"))
	c.waitFor("first", ofFinance)
	if c.passEnds(named("first")); len(*woken) != 3 {
		t.Error("who was woken once is not woken again")
	}
}

// callOf reports whether a call in a pass over the session is begun.
func (c *calls) callOf(t *testing.T, name string, group groupName) bool {
	t.Helper()
	ctx := withCaller(t.Context(), caller{session: named(name)})
	return c.do(ctx, group, func() error { return nil }) == nil
}

// TestAPlaceIsKeptForWhoIsWoken until its pass is over: sessions whose calls hang come back all the
// time, and would be faster.
func TestAPlaceIsKeptForWhoIsWoken(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	end := c.occupyAll(writesIn("hangs"))
	statuses := groupName{"finance", statusWrite}
	for _, group := range []groupName{ofFinance, statuses} {
		c.mark(group, true)
	}
	for _, name := range []string{"acme", "globex"} {
		c.waitFor(name, ofFinance)
	}
	end()
	c.passBegins(named("acme"))
	for range 2 { // also between the calls of its pass
		if c.callOf(t, "initech", writesIn("hangs")) || c.callOf(t, "globex", ofFinance) {
			t.Error("a call is begun in a place that is kept for another session")
		}
		for _, group := range []groupName{ofFinance, statuses} {
			if !c.callOf(t, "acme", group) {
				t.Errorf("a call of %v is not begun in the place that is kept", group)
			}
		}
	}
	c.passEnds(named("acme"))
	c.passEnds(named("globex")) // which needs no call any more
	if !slices.Equal(*woken, []string{"acme", "globex"}) || len(c.kept) > 0 {
		t.Errorf("%v are woken, and %d places are kept", *woken, len(c.kept))
	}
	if !c.callOf(t, "initech", writesIn("hangs")) {
		t.Error("the place is lost")
	}
}

// TestAPlaceServesOneCallAtATime: two at once would be one too many.
func TestAPlaceServesOneCallAtATime(t *testing.T) {
	t.Parallel()
	c, _ := wakes(1)
	end := c.occupyAll(writesIn("hangs"))
	c.mark(ofFinance, true)
	c.waitFor("acme", ofFinance)
	end()
	ctx := withCaller(t.Context(), caller{session: named("acme")})
	_ = c.do(ctx, ofFinance, func() error {
		if c.callOf(t, "acme", ofFinance) {
			t.Error("a second call is begun")
		}
		return nil
	})
}

// TestAKeptPlaceIsFreeDuringTheRequest: the endpoint may take half a minute.
func TestAKeptPlaceIsFreeDuringTheRequest(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	end := c.occupyAll(writesIn("hangs"))
	c.mark(ofFinance, true)
	for _, name := range []string{"acme", "globex"} {
		c.waitFor(name, ofFinance)
	}
	end()
	if c.release(named("acme")); !slices.Equal(*woken, []string{"acme", "globex"}) {
		t.Errorf("%v are woken", *woken)
	}
}

// TestAnOwnPlaceIsKeptForItsGroup: calls of another one may hang.
func TestAnOwnPlaceIsKeptForItsGroup(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	c.occupyAll(writesIn("hangs"))
	statuses := groupName{"finance", statusWrite}
	c.mark(statuses, true)
	own := c.occupy(c.group(ofFinance), ownPlace, c.clock.Now())
	c.waitFor("acme", ofFinance)
	if c.end(own.group, own, false); !slices.Equal(*woken, []string{"acme"}) {
		t.Errorf("%v are woken", *woken)
	}
	if c.callOf(t, "acme", statuses) {
		t.Error("a call of another kind is begun in it")
	}
	if !c.callOf(t, "acme", ofFinance) || len(c.kept) > 0 {
		t.Errorf("it serves no call, or is kept after it: %d", len(c.kept))
	}
}

// TestNobodyIsWokenDuringItsPass: it would be woken in vain, and the place be kept meanwhile.
func TestNobodyIsWokenDuringItsPass(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	end := c.occupyAll(writesIn("hangs"))
	c.mark(ofFinance, true)
	for _, name := range []string{"acme", "globex"} {
		c.waitFor(name, ofFinance)
	}
	c.passBegins(named("acme")) // as a timer ends
	c.wait(named("acme"), ofFinance)
	if end(); !slices.Equal(*woken, []string{"globex"}) {
		t.Errorf("%v are woken during the pass", *woken)
	}
	c.passEnds(named("acme"))
	if c.passEnds(named("globex")); !slices.Equal(*woken, []string{"globex", "acme"}) {
		t.Errorf("%v are woken", *woken)
	}
}

// TestWhoLooksInVainKeepsItsTurn: its timer has ended before it was woken.
func TestWhoLooksInVainKeepsItsTurn(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	end := c.occupyAll(writesIn("hangs"))
	c.mark(ofFinance, true)
	for _, name := range []string{"acme", "globex", "acme"} {
		c.waitFor(name, ofFinance)
	}
	if end(); !slices.Equal(*woken, []string{"acme"}) {
		t.Errorf("%v are woken", *woken)
	}
}

// TestAQueueDoesNotGrowWithThoseThatComeBack, as each does once a minute.
func TestAQueueDoesNotGrowWithThoseThatComeBack(t *testing.T) {
	t.Parallel()
	var q sessionQueue
	for range 100 {
		q.add(named("acme"))
		q.remove(named("acme"))
	}
	q.add(named("acme"))
	if n := q.inOrder.Len(); n != 1 || q.len() != 1 {
		t.Errorf("it holds %d entries for %d sessions", n, q.len())
	}
}

// TestASessionWaitsForOneCall, the last one that it could not make.
func TestASessionWaitsForOneCall(t *testing.T) {
	t.Parallel()
	c, woken := wakes(2)
	end := c.occupyAll(writesIn("hangs"))
	statuses := groupName{"finance", statusWrite}
	c.mark(ofFinance, true)
	c.mark(statuses, true)
	c.waitFor("acme", ofFinance)
	c.waitFor("acme", statuses)
	end()
	c.passEnds(named("acme"))
	if !slices.Equal(*woken, []string{"acme"}) || c.free != 2 || len(c.line) > 0 || len(c.waits) > 0 {
		t.Errorf("%v are woken; %d places are free, and %d groups want one", *woken, c.free, len(c.line))
	}
}

// TestAGroupThatWasRefusedKeepsItsOwnPlace: that others hang is not its fault.
func TestAGroupThatWasRefusedKeepsItsOwnPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(1, clock.RealClock{}, nil)
		c.occupyAll(writesIn("hangs"))
		own := c.occupy(c.group(ofFinance), ownPlace, c.clock.Now())
		for n, wait := range []time.Duration{minSlow, 0} { // workers do not wait in vain twice
			begun := time.Now()
			if c.callOf(t, "acme", ofFinance) || time.Since(begun) != wait {
				t.Errorf("call %d is refused after %v, want %v", n, time.Since(begun), wait)
			}
		}
		c.end(own.group, own, false)
		if err := c.do(t.Context(), ofFinance, func() error {
			begun := time.Now()
			if c.callOf(t, "acme", ofFinance) || time.Since(begun) > 0 {
				t.Errorf("it is forgotten that others wait in vain: %v", time.Since(begun))
			}
			return nil
		}); err != nil {
			t.Errorf("it has no own place any more: %v", err)
		}
	})
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
				c.waitFor(namespace+name, writesIn(namespace))
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
		c.waitFor(name, ofFinance)
	}
	if c.passEnds(named("acme")); len(*woken) > 0 {
		t.Errorf("%v are woken while others have all places", *woken)
	}
	c.mark(ofFinance, false)
	c.passEnds(named("another"))
	if !slices.Equal(*woken, []string{"acme"}) {
		t.Errorf("%v are woken, want one for the own place", *woken)
	}
	if c.passEnds(named("acme")); !slices.Equal(*woken, []string{"acme", "globex"}) {
		t.Errorf("%v are woken, want the other one too", *woken)
	}
}

// TestWhoWaitsIsWokenForASharedPlaceToo: that its group's own place is taken, by a call that
// takes a little, is no reason to wait.
func TestWhoWaitsIsWokenForASharedPlaceToo(t *testing.T) {
	t.Parallel()
	c, woken := wakes(1)
	c.occupy(c.group(ofFinance), ownPlace, c.clock.Now())
	c.waitFor("acme", ofFinance)
	if c.passEnds(named("acme")); len(*woken) == 0 {
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
		c.waitFor("acme", ofFinance)
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

// TestARefusalDoesNotDelayRecovery, but nobody knows of one without a call.
func TestARefusalDoesNotDelayRecovery(t *testing.T) {
	t.Parallel()
	now := time.Now()
	g := &callGroup{}
	g.note(true, now)
	now = now.Add(slowFor - 1)
	g.refuse(now)
	now = now.Add(slowFor - 1)
	for n := range minQuick {
		if !g.isSlow(now) {
			t.Errorf("it has recovered after %d calls", n)
		}
		g.refuse(now)
		g.note(false, now)
	}
	if g.isSlow(now) || !g.mayBlock(now) {
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
	if l := c.giveUp(t.Context(), g, handed); l == nil || l.place != ownPlace || !g.mayBlock(time.Now()) {
		t.Errorf("%v is handed, and workers may wait: %t", l, g.mayBlock(time.Now()))
	}
	if shared.place != sharedPlace {
		t.Errorf("the second call has place %v", shared.place)
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
			if !c.groups[ofFinance].mayBlock(time.Now()) {
				t.Error("the group counts as refused")
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

// TestWhoWaitsForAPlaceWhenTheProcessStopsMakesItsCall at once.
func TestWhoWaitsForAPlaceWhenTheProcessStopsMakesItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(1, clock.RealClock{}, nil)
		c.occupyAll(writesIn("hangs"))
		c.occupy(c.group(ofFinance), ownPlace, c.clock.Now())
		stop := make(chan struct{})
		time.AfterFunc(minSlow/2, func() { close(stop) })
		begun := time.Now()
		err := c.do(withCaller(t.Context(), caller{stop: stop}), ofFinance, func() error { return nil })
		if err != nil || time.Since(begun) != minSlow/2 {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
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
