package standin

import (
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// skewedClock is a clock that can be wrong by an offset.
type skewedClock struct {
	inner  clock.PassiveClock
	offset atomic.Int64
}

// Now is the time as the server believes it to be.
func (c *skewedClock) Now() time.Time {
	return c.inner.Now().Add(time.Duration(c.offset.Load()))
}

func (c *skewedClock) skew(offset time.Duration) { c.offset.Store(int64(offset)) }
