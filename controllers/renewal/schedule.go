package renewal

import (
	"encoding/binary"
	"hash/fnv"
	"time"
)

const (
	// MinInterval is the shortest time between two requests for one session.
	MinInterval = 10 * time.Second

	// MaxRequeue caps every wait. Timers stop while a machine is suspended, so a long
	// wait is made of short ones.
	MaxRequeue = 10 * time.Minute

	// minMargin lets a changed Secret reach a running pod in time: a kubelet was
	// measured to take 0 to 90 seconds.
	minMargin = 120 * time.Second

	// keyGrace is the age of a session up to which its missing key Secret counts as late.
	// Sync waves and external secret stores create it some seconds after the session.
	keyGrace = 2 * time.Minute

	// forbiddenKeyRetry is when a key that could not be read is tried again: no watch reports that a
	// permission was given.
	forbiddenKeyRetry = time.Minute

	// statusDelay is how long a session waits for its turn before its status says so.
	// Mostly the turn comes within moments, and a status would be written for nothing.
	statusDelay = 10 * time.Second
)

// Margin is how long before its expiry a URL of this life is replaced: renewBefore, which
// is the user's wish, but at most 4/5 of the life. The default is a third of the life, at
// least 120 seconds and at most half of the life.
func Margin(life, renewBefore time.Duration) time.Duration {
	if renewBefore > 0 {
		return min(renewBefore, life*4/5)
	}
	return min(max(life/3, minMargin), life/2)
}

// Due is when the grant is due for renewal, in whole seconds by the controller's clock.
// It depends on nothing that changes from one pass to the next.
func Due(g *Grant, uid string, renewBefore time.Duration) time.Time {
	life := g.Life()
	early := Spread(uid, g.Issued, life/10)
	return g.ExpiresAt().Add(-Margin(life, renewBefore) - early).Truncate(time.Second)
}

// Spread is a wait between nothing and longest that is always the same for the same session
// and instant. It keeps sessions from acting together.
func Spread(uid string, at time.Time, longest time.Duration) time.Duration {
	return time.Duration(jitter(uid, at) * float64(longest))
}

// jitter is a number in [0, 1) that is always the same for the same session and instant,
// and unrelated between sessions.
func jitter(uid string, at time.Time) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(uid))
	_ = binary.Write(h, binary.BigEndian, at.Unix())
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix spreads the bits of an FNV hash, because its upper bits hardly depend on the last
// bytes of the input. It is the finalizer of MurmurHash3.
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
