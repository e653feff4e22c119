// Package load has the controller serve thousands of sessions, with a cluster and an endpoint in
// memory and in time that passes in moments: who is served, and in which order, when more are
// due than the endpoint lets through.
package load

import (
	"flag"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/performance/simulation"
)

// fleet is how many sessions are due within two minutes.
var fleet = flag.Int("load.sessions", 2_500, "how many sessions are due at about the same time")

// unlimited lets a fleet be issued at once.
var unlimited = controllers.Options{Concurrency: 16}

// limit is a little more than the fleet needs over time, and a third of what it
// wants at once.
func limit() controllers.Options {
	return controllers.Options{Concurrency: 16, QPS: 0.0029 * float64(*fleet), Burst: max(1, *fleet/250)}
}

// issueFleet lets the sessions be issued all at once, and then begins to limit. One
// half is due after 340 to 400 seconds and expires after 600. The other is due after
// 300 to 420 seconds and has time until 1200: in the order due it would be in the way.
func (w *world) issueFleet() (issued time.Time, sessions []simulation.Session) {
	issued = time.Now()
	w.sessions("short", *fleet/2)
	w.sessions("long", *fleet/2, builders.Expiration(1200), builders.RenewBefore(780))
	w.run(unlimited)
	w.until("all are issued", func() bool { return len(w.BySession()) == *fleet/2*2 })
	w.run(limit())
	return issued, w.renewals("")
}

func TestNoneExpiresWhileMoreAreDueThanTheEndpointLetsThrough(t *testing.T) {
	inWorld(t, func(w *world) {
		issued, sessions := w.issueFleet()
		time.Sleep(time.Until(issued.Add(380 * time.Second)))
		w.sessions("new", *fleet/50)
		predicted := simulation.Run(slices.Concat(sessions, w.newcomers("new")), w.limited())
		if predicted.Expired > 0 {
			t.Fatalf("%d must expire: nothing can be shown", predicted.Expired)
		}
		time.Sleep(10 * time.Minute)
		if expired := w.Expired(sessions); expired > 0 {
			t.Errorf("%d of %d URLs expired", expired, len(sessions))
		}
		w.expectFirstURLs("new", predicted, 10*time.Second)
	})
}

func TestNoMoreExpireAfterAnOutageThanMust(t *testing.T) {
	inWorld(t, func(w *world) {
		issued, sessions := w.issueFleet()
		limited := w.limited()
		limited.DownFrom, limited.DownUntil = issued.Add(390*time.Second), issued.Add(510*time.Second)
		w.endpoint.refuseWith(func(string) error {
			if now := time.Now(); now.Before(limited.DownFrom) || !now.Before(limited.DownUntil) {
				return nil
			}
			return &endpoint.UnavailableError{Summary: "down for two minutes"}
		})
		time.Sleep(time.Until(issued.Add(380 * time.Second)))
		w.sessions("new", *fleet/100)
		predicted := simulation.Run(slices.Concat(sessions, w.newcomers("new")), limited)
		time.Sleep(20 * time.Minute)
		expired := w.Expired(sessions)
		t.Logf("%d of %d URLs expired, %d had to", expired, len(sessions), predicted.Expired)
		if predicted.Expired == 0 || expired > predicted.Expired+max(1, predicted.Expired/100) {
			t.Errorf("%d URLs expired, %d had to", expired, predicted.Expired)
		}
		// They come back up to 100 seconds after the last request in vain, and find in the
		// line who has lost a URL meanwhile.
		w.expectFirstURLs("new", predicted, 10*time.Minute)
	})
}

// TestNoneExpiresWhileTheEndpointThrottlesEachKey has no limit of our own: the endpoint lets a few
// requests with each key through in a minute, and tells how long the others are to wait.
func TestNoneExpiresWhileTheEndpointThrottlesEachKey(t *testing.T) {
	inWorld(t, func(w *world) {
		issued, sessions := w.issueFleet()
		perMinute := int(limit().QPS*60/float64(w.keys)*1.2) + 1
		throttle := &throttle{perMinute: perMinute, granted: map[string][]time.Time{}}
		w.endpoint.refuseWith(throttle.refuse)
		w.run(unlimited)
		time.Sleep(time.Until(issued.Add(15 * time.Minute)))
		if expired := w.Expired(sessions); expired > 0 {
			t.Errorf("%d of %d URLs expired", expired, len(sessions))
		}
		refused := throttle.count()
		granted := w.endpoint.requests() - len(sessions) - refused
		t.Logf("%d requests were granted, %d throttled", granted, refused)
		if refused > granted*3/2 {
			t.Errorf("%d requests were throttled, %d granted: too many find out at once", refused, granted)
		}
	})
}

// throttle lets some requests with each key through in any minute.
type throttle struct {
	perMinute int

	mu      sync.Mutex
	granted map[string][]time.Time
	refused int
}

// count is how many requests were refused.
func (h *throttle) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}

func (h *throttle) refuse(key string) error {
	const window = time.Minute
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	recent := slices.DeleteFunc(h.granted[key], func(at time.Time) bool { return now.Sub(at) >= window })
	h.granted[key] = recent
	if len(recent) < h.perMinute {
		h.granted[key] = append(recent, now)
		return nil
	}
	h.refused++
	return &endpoint.ThrottledError{Summary: "too many requests", RetryAfter: max(10*time.Second, recent[0].Add(window).Sub(now))}
}

// TestRestartServesInTheOrderDue has sessions at rest, due and without a URL when a
// controller starts: what its first list brings is not behind what comes later.
func TestRestartServesInTheOrderDue(t *testing.T) {
	third := *fleet / 6
	inWorld(t, func(w *world) {
		w.sessions("resting", third, builders.Expiration(86400))
		for _, life := range []int32{660, 640, 620, 600} {
			w.sessions("due", third/4, builders.Expiration(life))
		}
		w.run(unlimited)
		w.until("all are issued", func() bool { return len(w.BySession()) == third+third/4*4 })
		w.stop()
		for range 20 {
			time.Sleep(23 * time.Second) // until all are due
			w.sessions("new", third/20)
		}
		due := w.renewals("due")
		predicted := simulation.Run(slices.Concat(due, w.newcomers("new")), w.limited())
		w.run(limit())
		time.Sleep(time.Minute)
		w.sessions("late", 1)
		time.Sleep(20 * time.Minute)

		if got := w.Expired(due); got > predicted.Expired+max(1, predicted.Expired/100) {
			t.Errorf("%d URLs expired, %d had to", got, predicted.Expired)
		}
		w.expectFirstURLs("new", predicted, 10*time.Second)
		if resting := w.BySession()["resting-0"]; len(resting) != 1 {
			t.Errorf("a session at rest was asked for %d times", len(resting))
		}
	})
}

// TestThoseThatFailDoNotStarveThoseThatWereNotAskedFor has more sessions that fail
// for ever than the limit lets be asked for again in time, all older than a new one.
func TestThoseThatFailDoNotStarveThoseThatWereNotAskedFor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.endpoint.refuseWith(func(key string) error {
			if key == keyName(0) {
				return &endpoint.UnavailableError{Summary: "this group's server is down"}
			}
			return nil
		})
		w.sessions("failing", 500, builders.KeySecret(keyName(0)))
		w.run(controllers.Options{Concurrency: 16, QPS: 1, Burst: 1})
		time.Sleep(30 * time.Minute)
		w.sessions("new", 1, builders.KeySecret(keyName(1)))
		time.Sleep(10 * time.Minute)
		if len(w.BySession()) != 1 {
			t.Error("a new session had no turn within ten minutes")
		}
	})
}
