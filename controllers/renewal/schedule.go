package renewal

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

const (
	// Floor is the least time between two requests for one session.
	Floor = 10 * time.Second

	// LongestTimer is the longest that nobody looks at a session: a timer does not
	// run on a machine that sleeps, so no instant is slept up to in one go.
	LongestTimer = 10 * time.Minute

	// leastMargin lets a changed Secret reach a running pod in time: a kubelet was
	// measured to take 0 to 90 seconds.
	leastMargin = 120 * time.Second
)

// Margin is how long before its expiry a URL of this life is replaced. The
// margin asked for is kept up to 4/5 of the life; by default it is a third of
// the life, at least 120 seconds, at most half of the life.
func Margin(life, asked time.Duration) time.Duration {
	if asked > 0 {
		return min(asked, life*4/5)
	}
	return min(max(life/3, leastMargin), life/2)
}

// Due is when the grant is to be replaced, in whole seconds by the controller's
// clock. It depends on nothing that changes from one pass to the next.
func Due(g *Grant, uid string, asked time.Duration) time.Time {
	life := g.Life()
	early := time.Duration(spread(uid, g.Issued) * float64(life/10))
	return g.ExpiresAt().Add(-Margin(life, asked) - early).Truncate(time.Second)
}

// spread is a number in [0, 1) that is always the same for the same session and
// instant, and unrelated between sessions.
func spread(uid string, at time.Time) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(uid))
	_ = binary.Write(h, binary.BigEndian, at.Unix())
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix spreads the bits of FNV, whose upper ones hardly depend on the last bytes.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
