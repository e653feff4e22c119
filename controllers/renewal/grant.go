package renewal

import (
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Grant is what the endpoint gave, without the URL itself: decisions need none.
// All of it is in whole seconds, as Secret and status keep it, so that nothing is
// decided otherwise once it is read back.
type Grant struct {
	// Expire is when the URL expires, as the endpoint said it.
	Expire time.Time
	// Issued is when it was issued, by the controller's clock.
	Issued time.Time
	// Offset is how far the endpoint's clock was ahead of the controller's then.
	Offset time.Duration
	// Inputs it was asked for with.
	Inputs v1alpha1.Inputs
	// Fingerprint identifies those inputs with the key's value; empty when unknown.
	Fingerprint string
}

// ExpiresAt is when the URL expires by the controller's clock.
func (g *Grant) ExpiresAt() time.Time { return g.Expire.Add(-g.Offset) }

// Life is for how long the URL was granted.
func (g *Grant) Life() time.Duration { return g.ExpiresAt().Sub(g.Issued) }

// Alive says whether the URL works at now. A nil grant is never alive.
func (g *Grant) Alive(now time.Time) bool { return g != nil && now.Before(g.ExpiresAt()) }

// Same says whether both are one and the same grant.
func (g *Grant) Same(other *Grant) bool {
	return g != nil && other != nil && g.Expire.Equal(other.Expire) && g.Issued.Equal(other.Issued)
}

// outlives says whether the URL works for longer than the other. The endpoint's own
// instants tell, as they are the same for the same URL whatever our clock does;
// unless its clock differs from what it was, as that of several servers behind one
// name may.
func (g *Grant) outlives(other *Grant) bool {
	if (g.Offset-other.Offset).Abs() > clockTolerance && !g.Expire.Equal(other.Expire) {
		return g.ExpiresAt().After(other.ExpiresAt())
	}
	return g.Expire.After(other.Expire)
}

// fromFuture says whether the grant was issued later than now: the controller's
// clock was set back since, so its offset no longer holds.
func (g *Grant) fromFuture(now time.Time) bool { return g.Issued.After(now.Add(clockTolerance)) }

// clockTolerance is what two readings of clocks may differ without meaning:
// statuses keep whole seconds, and replicas keep time by NTP.
const clockTolerance = 5 * time.Second
