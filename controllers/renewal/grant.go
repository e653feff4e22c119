package renewal

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Grant is what the endpoint gave, without the URL itself, which no decision needs. Its
// times are whole seconds, as Secret and status keep them: a grant that is read back
// leads to the same decisions.
type Grant struct {
	// Expire is when the URL expires, as the endpoint said it.
	Expire time.Time
	// Issued is when it was issued, by the controller's clock.
	Issued time.Time
	// Offset is how far the endpoint's clock was ahead of the controller's then.
	Offset time.Duration
	// Inputs are what it was asked for with.
	Inputs v1alpha1.Inputs
	// Fingerprint identifies those inputs together with the key's value; empty when
	// unknown.
	Fingerprint string
}

// ExpiresAt is when the URL expires by the controller's clock.
func (g *Grant) ExpiresAt() time.Time { return g.Expire.Add(-g.Offset) }

// Life is for how long the URL was granted.
func (g *Grant) Life() time.Duration { return g.ExpiresAt().Sub(g.Issued) }

// Alive reports whether the URL works at now. A nil grant is never alive.
func (g *Grant) Alive(now time.Time) bool { return g != nil && now.Before(g.ExpiresAt()) }

// outlives compares `expire` as the endpoint said it, which our own clock cannot
// distort. If the two grants were issued under different clock offsets (several servers
// behind one name), it compares by our clock.
func (g *Grant) outlives(other *Grant) bool {
	if (g.Offset-other.Offset).Abs() > clockTolerance && !g.Expire.Equal(other.Expire) {
		return g.ExpiresAt().After(other.ExpiresAt())
	}
	return g.Expire.After(other.Expire)
}

// fromFuture reports whether the grant was issued later than now. Then the controller's
// clock was set back, and the grant's offset no longer holds.
func (g *Grant) fromFuture(now time.Time) bool { return g.Issued.After(now.Add(clockTolerance)) }

// clockTolerance is how far two readings of clocks may differ and still mean the same:
// statuses keep whole seconds, and replicas keep time by NTP.
const clockTolerance = 5 * time.Second

func metaTime(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

func roundUp(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}
