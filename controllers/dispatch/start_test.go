package dispatch

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// TestStart drives a Dispatcher as the manager does: the turns come by themselves, at
// the limit's pace, and each session has one. In the simulation it is called back from Wake.
func TestStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const sessions, pace = 200, 10
		woken := make(chan types.NamespacedName, sessions)
		d := New(Options{
			Clock: clock.RealClock{}, QPS: pace, Burst: 1, Slots: 4,
			Wake: func(name types.NamespacedName) { woken <- name },
		})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := d.Start(ctx); err != nil {
				t.Error(err)
			}
		})
		started, served := time.Now(), make(chan bool, sessions)
		pass := func(i int) {
			turn, ok := d.TryAcquire(in(fmt.Sprint(i%7), fmt.Sprint(i)), keyNumber(i%5), FirstIssue(started))
			if !ok {
				return
			}
			defer turn.Abandon()
			time.Sleep(300 * time.Millisecond)
			turn.Release(false, 0)
			served <- true
		}
		for i := range sessions {
			go pass(i)
		}
		go func() {
			for name := range woken {
				var i int
				_, _ = fmt.Sscan(name.Name, &i)
				go pass(i)
			}
		}()
		for range sessions {
			<-served
		}
		if took, want := time.Since(started), time.Duration(sessions-1)*time.Second/pace; took < want || took > want+time.Second {
			t.Errorf("%d turns took %s, want %s", sessions, took, want)
		}
		if d.Len() != 0 || len(d.WaitingByNamespace()) != 0 {
			t.Errorf("%d are left", d.Len())
		}
		stop()
		running.Wait()
		close(woken)
	})
}
