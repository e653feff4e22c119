package integration

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"
)

// runningClock starts at a random time, runs like a real clock, and can be
// stepped: a stray reading of the machine's own clock shows.
type runningClock struct {
	*testingclock.FakeClock
	stopped atomic.Bool
}

// Stop keeps it from running, for what must not happen before an instant.
func (c *runningClock) Stop() { c.stopped.Store(true) }

func newRunningClock(t *testing.T) *runningClock {
	t.Helper()
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rand.Int64N(int64(20 * 365 * 24 * time.Hour))))
	c := &runningClock{FakeClock: testingclock.NewFakeClock(start)}
	const tick = 5 * time.Millisecond
	ticker, done := time.NewTicker(tick), make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				if !c.stopped.Load() {
					c.Step(tick)
				}
			}
		}
	}()
	t.Cleanup(func() { ticker.Stop(); close(done) })
	return c
}
