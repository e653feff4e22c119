package controllers

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestCallsOfOneNamespaceLeaveWorkersToOthers: who finds its namespace full waits once, and
// then nobody does until a call has ended well.
func TestCallsOfOneNamespaceLeaveWorkersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(8)
		end := make(chan struct{})
		for range 6 {
			go func() { _ = c.do(t.Context(), "hangs", func() error { <-end; return nil }) }()
		}
		synctest.Wait()
		call := func(namespace string, want error, wait time.Duration) {
			t.Helper()
			begun, made := time.Now(), false
			err := c.do(t.Context(), namespace, func() error { made = true; return nil })
			if !errors.Is(err, want) || made != (want == nil) {
				t.Errorf("in %s: %v, made: %t", namespace, err, made)
			}
			if waited := time.Since(begun); waited != wait {
				t.Errorf("in %s it waits %s, want %s", namespace, waited, wait)
			}
		}
		call("other", nil, 0)
		call("hangs", errBusy, maxCallWait)
		call("hangs", errBusy, 0)
		call("other", nil, 0)
		close(end)
		synctest.Wait()
		call("hangs", nil, 0)
		if len(c.namespaces) != 0 {
			t.Errorf("%d namespaces are remembered without a call", len(c.namespaces))
		}
	})
}

// TestAFullNamespaceIsWaitedFor: calls that take a little follow each other.
func TestAFullNamespaceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(2)
		results := make(chan error)
		for range 5 {
			go func() {
				results <- c.do(t.Context(), "finance", func() error { time.Sleep(maxCallWait / 10); return nil })
			}()
		}
		for range 5 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSlowCallsDoNotHang: a call that is not made costs another pass over its session.
func TestSlowCallsDoNotHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(4)
		var callers sync.WaitGroup
		for range 9 { // three at a time
			callers.Go(func() {
				if err := c.do(t.Context(), "finance", func() error { time.Sleep(maxCallWait * 9 / 10); return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
	})
}

// TestWaitingForFewCallsEnds: where most calls hang and few end, those that wait hold the
// workers of other namespaces.
func TestWaitingForFewCallsEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(1)
		var callers sync.WaitGroup
		for range 9 {
			callers.Go(func() {
				begun := time.Now()
				_ = c.do(t.Context(), "finance", func() error { time.Sleep(maxCallWait * 9 / 10); return nil })
				if held := time.Since(begun); held > (maxCallWaits+1)*maxCallWait {
					t.Errorf("a call held its worker for %s", held)
				}
			})
		}
		callers.Wait()
	})
}

// TestACallThatPanicsIsOver: otherwise its namespace would be full for ever after a few.
func TestACallThatPanicsIsOver(t *testing.T) {
	t.Parallel()
	c := newCalls(1)
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			_ = c.do(t.Context(), "finance", func() error { panic("a defect") })
		}()
	}
	if err := c.do(t.Context(), "finance", func() error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestACallOfACancelledPassIsNotMade: the pass is over.
func TestACallOfACancelledPassIsNotMade(t *testing.T) {
	t.Parallel()
	c := newCalls(1)
	ctx, cancel := context.WithCancel(t.Context())
	_ = c.do(ctx, "finance", func() error {
		cancel()
		if err := c.do(ctx, "finance", func() error { return nil }); !errors.Is(err, errBusy) {
			t.Errorf("%v", err)
		}
		return nil
	})
}
