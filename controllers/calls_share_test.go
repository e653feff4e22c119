package controllers

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// callers makes calls for sessions with some workers, as the controller does: who cannot begin
// is woken by others.
type callers struct {
	calls *calls
	queue chan types.NamespacedName
	// takes is how long the calls of a namespace take.
	takes map[string]time.Duration
	// made is how many calls of a namespace have ended.
	made map[string]chan struct{}
}

func newCallers(t *testing.T, workers int, takes map[string]time.Duration) *callers {
	c := &callers{queue: make(chan types.NamespacedName, 10_000), takes: takes, made: map[string]chan struct{}{}}
	c.calls = newCalls(workers, clock.RealClock{}, func(session types.NamespacedName) { c.queue <- session })
	for namespace := range takes {
		c.made[namespace] = make(chan struct{}, 10_000)
	}
	for range workers {
		go func() {
			for {
				select {
				case session := <-c.queue:
					c.pass(t, session)
				case <-t.Context().Done():
					return
				}
			}
		}()
	}
	return c
}

func (c *callers) pass(t *testing.T, session types.NamespacedName) {
	err := c.calls.do(t.Context(), writesIn(session.Namespace), func() error {
		select {
		case <-time.After(c.takes[session.Namespace]):
		case <-t.Context().Done():
		}
		return errors.New("refused")
	})
	if busy, ok := errors.AsType[busyError](err); ok {
		c.calls.wait(session, busy.group)
	} else {
		c.made[session.Namespace] <- struct{}{}
	}
	c.calls.wakeNext()
}

func (c *callers) add(namespace string, sessions int) {
	for i := range sessions {
		c.queue <- types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)}
	}
}

// mark notes whether a group is slow.
func (c *calls) mark(name groupName, isSlow bool) {
	c.mu.Lock()
	g := c.group(name)
	c.mu.Unlock()
	c.note(g, isSlow)
}

// TestSlowCallsDoNotStandBehindThoseThatHang: on a machine that is short of power all calls take
// long. Those behind a webhook that never answers take ten times as long, and there are many.
func TestSlowCallsDoNotStandBehindThoseThatHang(t *testing.T) {
	const sessions = 60
	synctest.Test(t, func(t *testing.T) {
		takes := map[string]time.Duration{"finance": minSlow * 3 / 2}
		for i := range 3 {
			takes[fmt.Sprint("hangs-", i)] = 10 * time.Second
		}
		c := newCallers(t, 32, takes)
		for namespace := range takes {
			if namespace != "finance" {
				c.add(namespace, 240)
			}
		}
		time.Sleep(15 * time.Second) // the hanging ones have all the shared places
		begun := time.Now()
		c.add("finance", sessions)
		for range sessions {
			<-c.made["finance"]
		}
		// A quarter of the 24 places makes four calls a second.
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("%d calls of %v each took %v", sessions, takes["finance"], took)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(c.calls.line) > 0 || len(c.calls.shared) > 0 {
			t.Errorf("%d groups wait and %d places are taken, though all calls were made", len(c.calls.line), len(c.calls.shared))
		}
	})
}

// TestAGroupThatHasRecoveredIsNotHeldUpByOnesThatHang: its own place is free again, also for
// those of its sessions that wait already.
func TestAGroupThatHasRecoveredIsNotHeldUpByOnesThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCallers(t, 8, map[string]time.Duration{"hangs": time.Hour, "finance": time.Millisecond})
		c.add("hangs", 100)
		time.Sleep(2 * minSlow) // until nobody waits in a worker any more
		c.calls.mark(ofFinance, true)
		c.add("finance", 100)
		synctest.Wait()
		if n := len(c.made["finance"]); n != 0 {
			t.Errorf("%d calls were made while others have all places", n)
		}
		c.calls.mark(ofFinance, false)
		c.calls.wakeNext() // at the end of some pass
		time.Sleep(minSlow)
		if n := len(c.made["finance"]); n != 100 {
			t.Errorf("%d of 100 calls were made", n)
		}
	})
}

// TestPlacesThatNobodyElseWantsAreTaken: where the whole API server is slow, all groups are, and
// most sessions may be in one of them.
func TestPlacesThatNobodyElseWantsAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCallers(t, 32, map[string]time.Duration{"hangs": 10 * time.Second})
		for i := range 50 {
			c.calls.mark(writesIn(fmt.Sprint(i)), true)
		}
		c.add("hangs", 25)
		time.Sleep(11 * time.Second) // now it is slow
		for range 25 {
			<-c.made["hangs"]
		}
		c.add("hangs", 24)
		time.Sleep(11 * time.Second)
		if n := len(c.made["hangs"]); n != 24 {
			t.Errorf("%d of 24 calls were made at once", n)
		}
	})
}

// TestPlacesGoToTheSlowGroupThatHoldsTheFewest, and are kept for it until who is woken comes:
// sessions whose calls hang come back all the time, and would be faster.
func TestPlacesGoToTheSlowGroupThatHoldsTheFewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(8, clock.RealClock{}, func(types.NamespacedName) {})
		hangs, finance := c.group(writesIn("hangs")), c.group(ofFinance)
		c.note(hangs, true)
		c.note(finance, true)
		enter := func(g *callGroup, want bool) (leave func()) {
			t.Helper()
			leave, ok := c.enterShare(g)
			if ok != want {
				t.Errorf("a place is taken: %t, want %t", ok, want)
			}
			return leave
		}
		wait := func() { c.wait(types.NamespacedName{Name: fmt.Sprint(finance.waiting.len())}, ofFinance) }
		var leave []func()
		for range 6 {
			leave = append(leave, enter(hangs, true))
		}
		enter(hangs, false)
		for held := range 3 {
			wait()
			leave[held]()
			enter(hangs, false) // somebody waits
			c.wakeNext()
			enter(hangs, false) // and is woken
			enter(finance, true)
		}
	})
}

// TestAPlaceIsKeptForASecond: who was woken may have found that it needs no call.
func TestAPlaceIsKeptForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(8, clock.RealClock{}, func(types.NamespacedName) {})
		hangs := c.group(writesIn("hangs"))
		c.note(hangs, true)
		c.mark(ofFinance, true)
		c.wait(types.NamespacedName{Name: "acme"}, ofFinance)
		c.wakeNext()
		_, first := c.enterShare(hangs)
		_, second := c.enterShare(hangs)
		time.Sleep(minSlow)
		if _, later := c.enterShare(hangs); !first || second || !later {
			t.Errorf("places are taken: %t, %t, and a second later %t", first, second, later)
		}
	})
}

// TestAPlaceIsNotKeptForWhoHasOne: nobody else of its group wants one.
func TestAPlaceIsNotKeptForWhoHasOne(t *testing.T) {
	t.Parallel()
	c := newCalls(8, clock.RealClock{}, func(types.NamespacedName) {})
	hangs, finance := c.group(writesIn("hangs")), c.group(ofFinance)
	c.note(hangs, true)
	c.note(finance, true)
	c.wait(types.NamespacedName{Name: "acme"}, ofFinance)
	c.wakeNext()
	for n, g := range []*callGroup{finance, hangs, hangs, hangs} {
		if _, ok := c.enterShare(g); !ok {
			t.Errorf("place %d is not taken", n)
		}
	}
}

// TestNoPlaceIsKeptForAGroupThatHasRecovered: it has its own.
func TestNoPlaceIsKeptForAGroupThatHasRecovered(t *testing.T) {
	t.Parallel()
	c := newCalls(8, clock.RealClock{}, func(types.NamespacedName) {})
	hangs := c.group(writesIn("hangs"))
	c.note(hangs, true)
	c.mark(ofFinance, true)
	for _, name := range []string{"acme", "globex"} {
		c.wait(types.NamespacedName{Name: name}, ofFinance)
	}
	c.wakeNext() // one is about to begin its call, and one waits
	c.mark(ofFinance, false)
	for n := range cap(c.shared) {
		if _, ok := c.enterShare(hangs); !ok {
			t.Errorf("place %d is not taken", n)
		}
	}
}

// TestWhoWaitsIsWokenForASharedPlaceToo: that its group's own place is taken, by a call that
// takes a little, is no reason to wait.
func TestWhoWaitsIsWokenForASharedPlaceToo(t *testing.T) {
	t.Parallel()
	isWoken := false
	c := newCalls(8, clock.RealClock{}, func(types.NamespacedName) { isWoken = true })
	c.group(ofFinance).own <- struct{}{}
	c.wait(types.NamespacedName{Name: "acme"}, ofFinance)
	if c.wakeNext(); !isWoken {
		t.Error("it is not woken")
	}
}

// TestGroupsTakeTurns: a session of each is woken before the second one of any, however many
// came first, and however long they have waited.
func TestGroupsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken []string
		c := newCalls(8, clock.RealClock{}, func(session types.NamespacedName) { woken = append(woken, session.String()) })
		for _, namespace := range []string{"a", "b", "c"} {
			c.mark(writesIn(namespace), true)
			for _, name := range []string{"1", "2"} {
				c.wait(types.NamespacedName{Namespace: namespace, Name: name}, writesIn(namespace))
			}
		}
		time.Sleep(2 * slowFor)
		_ = c.do(t.Context(), ofFinance, func() error { return nil })
		if len(c.groups) != 3 {
			t.Errorf("%d groups are remembered, want those that wait", len(c.groups))
		}
		for range 7 {
			c.wakeNext()
		}
		if want := []string{"a/1", "b/1", "c/1", "a/2", "b/2", "c/2"}; !slices.Equal(woken, want) {
			t.Errorf("%v are woken, want %v", woken, want)
		}
	})
}
