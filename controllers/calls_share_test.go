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
		c.calls.note(c.calls.group(ofFinance), true)
		c.add("finance", 100)
		synctest.Wait()
		if n := len(c.made["finance"]); n != 0 {
			t.Errorf("%d calls were made while others have all places", n)
		}
		c.calls.note(c.calls.group(ofFinance), false)
		c.calls.wakeNext() // at the end of some pass
		time.Sleep(minSlow)
		if n := len(c.made["finance"]); n != 100 {
			t.Errorf("%d of 100 calls were made", n)
		}
	})
}

// TestPlacesThatNobodyElseWantsAreTaken: one group may have them all.
func TestPlacesThatNobodyElseWantsAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCallers(t, 32, map[string]time.Duration{"hangs": 10 * time.Second})
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

// TestASlowGroupHasNoMoreThanItsShare, also when its sessions come back by themselves, which is
// faster than to be woken.
func TestASlowGroupHasNoMoreThanItsShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCallers(t, 32, map[string]time.Duration{"hangs": time.Hour, "finance": time.Hour})
		for namespace := range c.takes {
			c.calls.note(c.calls.group(writesIn(namespace)), true)
		}
		c.add("finance", 1)
		synctest.Wait()
		c.add("hangs", 100)
		synctest.Wait()
		if held := len(c.calls.shared); held != 1+12 {
			t.Errorf("%d of 24 places are taken, want one and half of them", held)
		}
	})
}

// TestAPlaceIsKeptForWhoIsWoken: sessions whose calls hang come back all the time, and who is
// woken comes a little later.
func TestAPlaceIsKeptForWhoIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(8, clock.RealClock{}, func(types.NamespacedName) {})
		hangs, finance := c.group(writesIn("hangs")), c.group(ofFinance)
		c.note(hangs, true)
		var leave func()
		for range 6 {
			leave, _ = c.enterShare(hangs)
		}
		c.note(finance, true)
		c.wait(types.NamespacedName{Namespace: "finance"}, ofFinance)
		leave()
		c.wakeNext()
		if _, ok := c.enterShare(hangs); ok || finance.waiting.len() > 0 {
			t.Errorf("the place is taken by another group: %t; %d still wait", ok, finance.waiting.len())
		}
		if _, ok := c.enterShare(finance); !ok {
			t.Error("who was woken has no place")
		}
	})
}

// TestGroupsTakeTurns: a session of each is woken before the second one of any, however many
// came first, and however long they have waited.
func TestGroupsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken []string
		c := newCalls(8, clock.RealClock{}, func(session types.NamespacedName) { woken = append(woken, session.String()) })
		for _, namespace := range []string{"a", "b", "c"} {
			c.note(c.group(writesIn(namespace)), true)
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
