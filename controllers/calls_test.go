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

// TestCallsOfOneNamespaceLeaveWorkersToOthers: who finds its namespace full waits once, and
// then nobody does until a call has ended soon.
func TestCallsOfOneNamespaceLeaveWorkersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(8, clock.RealClock{}, nil)
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
		call("hangs", nil, 0)
		if len(c.groups) != 0 {
			t.Errorf("%d groups are remembered without a call", len(c.groups))
		}
	})
}

// TestCallsThatHangInManyNamespacesLeaveWorkersToOthers: one webhook reviews the Secrets of all
// of them, and the API server refuses each write when it has waited for that long enough.
func TestCallsThatHangInManyNamespacesLeaveWorkersToOthers(t *testing.T) {
	const workers, namespaces = 8, 20
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(workers, clock.RealClock{}, nil)
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
				time.Sleep(10 * time.Second)
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
			if n := count(0); n != workers*3/4 {
				t.Errorf("round %d: %d calls hang, want three quarters of %d workers", again, n, workers)
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
	const workers = 4
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(workers, clock.RealClock{}, nil)
		var callers sync.WaitGroup
		for range workers {
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

// TestWhoWaitsIsWokenWhenACallCanBeBegun, and not before: looking again would cost a pass.
func TestWhoWaitsIsWokenWhenACallCanBeBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var woken []string
		c := newCalls(1, clock.RealClock{}, func(session types.NamespacedName) { woken = append(woken, session.Name) })
		end := make(chan struct{})
		for range 2 {
			go func() { _ = c.do(t.Context(), ofFinance, func() error { <-end; return nil }) }()
		}
		synctest.Wait()
		for _, name := range []string{"first", "second", "first"} {
			c.wait(types.NamespacedName{Name: name}, ofFinance)
		}
		if c.wakeNext(); len(woken) > 0 {
			t.Errorf("%v are woken while no call can be begun", woken)
		}
		close(end)
		synctest.Wait()
		for range 3 {
			c.wakeNext()
		}
		if !slices.Equal(woken, []string{"first", "second"}) {
			t.Errorf("%v are woken, want each once and the first first", woken)
		}
		c.wait(types.NamespacedName{Name: "first"}, ofFinance)
		if c.wakeNext(); len(woken) != 3 {
			t.Error("who was woken once is not woken again")
		}
	})
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

// TestACallOfACancelledPassIsNotMade: the pass is over.
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
			return nil
		})
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
