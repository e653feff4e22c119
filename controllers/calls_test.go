package controllers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func writesIn(namespace string) groupName { return groupName{namespace, secretWrite} }

var ofFinance = writesIn("finance")

// TestCallsOfOneNamespaceLeaveWorkersToOthers: who finds its namespace full waits once, and
// then nobody does until a call has ended well.
func TestCallsOfOneNamespaceLeaveWorkersToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(8, clock.RealClock{})
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
		call("hangs", errBusy, maxCallWait)
		call("hangs", errBusy, 0)
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
		c := newCalls(workers, clock.RealClock{})
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

		time.Sleep(hangsFor)
		_ = c.do(t.Context(), ofFinance, func() error { return nil })
		if len(c.groups) > 0 {
			t.Errorf("%d groups are remembered long after their last call", len(c.groups))
		}
	})
}

// TestAFullNamespaceIsWaitedFor: calls that take a little follow each other.
func TestAFullNamespaceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls(2, clock.RealClock{})
		results := make(chan error)
		for range 5 {
			go func() {
				results <- c.do(t.Context(), ofFinance, func() error { time.Sleep(maxCallWait / 10); return nil })
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
		c := newCalls(4, clock.RealClock{})
		var callers sync.WaitGroup
		for range 9 { // three at a time
			callers.Go(func() {
				if err := c.do(t.Context(), ofFinance, func() error { time.Sleep(maxCallWait * 9 / 10); return nil }); err != nil {
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
		c := newCalls(1, clock.RealClock{})
		var callers sync.WaitGroup
		for range 9 {
			callers.Go(func() {
				begun := time.Now()
				_ = c.do(t.Context(), ofFinance, func() error { time.Sleep(maxCallWait * 9 / 10); return nil })
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
	c := newCalls(1, clock.RealClock{})
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
	c := newCalls(1, clock.RealClock{})
	ctx, cancel := context.WithCancel(t.Context())
	_ = c.do(t.Context(), ofFinance, func() error { // takes the namespace's own place
		return c.do(ctx, ofFinance, func() error { // and this one the shared place
			cancel()
			if err := c.do(ctx, ofFinance, func() error { return nil }); !errors.Is(err, errBusy) {
				t.Errorf("%v", err)
			}
			return nil
		})
	})
}

// TestOnlyCallsThatTakeLongAndFailHang: who answers soon refuses for another reason, and who
// answers in the end is slow.
func TestOnlyCallsThatTakeLongAndFailHang(t *testing.T) {
	refused := errors.New("refused")
	for _, row := range []struct {
		takes time.Duration
		err   error
		hangs bool
	}{
		{minHang, refused, true},
		{minHang - 1, refused, false},
		{time.Hour, nil, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCalls(8, clock.RealClock{})
			_ = c.do(t.Context(), ofFinance, func() error { time.Sleep(row.takes); return row.err })
			if hangs := len(c.groups) > 0; hangs != row.hangs {
				t.Errorf("after %v (%v) it hangs: %t", row.takes, row.err, hangs)
			}
		})
	}
}

// TestCallsHangByKind: where a webhook for Secrets hangs, keys are read and statuses written.
func TestCallsHangByKind(t *testing.T) {
	t.Parallel()
	c := newCalls(8, clock.RealClock{})
	called := 0
	noteKind := func(want groupName) error {
		called++
		if _, ok := c.groups[want]; !ok || len(c.groups) != 1 {
			t.Errorf("%v are under way, want %v", c.groups, want)
		}
		return nil
	}
	reads, writes, statuses := groupName{"finance", readCall}, writesIn("finance"), groupName{"finance", statusWrite}
	under := interceptor.NewClient(fake.NewClientBuilder().Build(), interceptor.Funcs{
		Get: func(context.Context, client.WithWatch, client.ObjectKey, client.Object, ...client.GetOption) error {
			return noteKind(reads)
		},
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error {
			return noteKind(reads)
		},
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			return noteKind(writes)
		},
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
			return noteKind(writes)
		},
		SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
			return noteKind(statuses)
		},
	})
	live, bounded := boundedReader{under, c}, boundedClient{under, c}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "finance", Name: "acme"}}
	err := errors.Join(
		live.Get(t.Context(), client.ObjectKeyFromObject(secret), secret),
		live.List(t.Context(), &corev1.SecretList{}, client.InNamespace("finance")),
		bounded.Create(t.Context(), secret),
		bounded.Update(t.Context(), secret),
		bounded.Status().Patch(t.Context(), secret, client.MergeFrom(secret)),
	)
	if err != nil || called != 5 {
		t.Errorf("%d of 5 calls were made: %v", called, err)
	}
}
