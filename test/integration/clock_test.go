package integration

import (
	"math/rand/v2"
	"sync"
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

	mu    sync.Mutex
	steps int // those of tests
}

// Step lets time pass at once.
func (c *runningClock) Step(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps++
	c.FakeClock.Step(d)
}

// since calls do, and tells it whether the clock was stepped since there were that many steps.
// It is not stepped meanwhile.
func (c *runningClock) since(steps int, do func(isStepped bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c.steps != steps)
}

func (c *runningClock) stepsSoFar() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.steps
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
					c.FakeClock.Step(tick)
				}
			}
		}
	}()
	t.Cleanup(func() { ticker.Stop(); close(done) })
	return c
}
