package integration

import (
	"strconv"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// TestShortLivedURLIsNeverSeenExpired renews lives of a minute for an hour, under
// clocks that disagree, and looks into the Secret all the time.
func TestShortLivedURLIsNeverSeenExpired(t *testing.T) {
	t.Parallel()
	for name, offset := range map[string]time.Duration{"clocks agree": 0, "the endpoint is ahead": time.Hour, "the endpoint is behind": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.Standin.SetClockOffset(offset)
			w.Standin.Misbehave(standin.Life(time.Minute))
			w.issued("acme", builders.Expiration(60))
			w.clock.Stop()
			const steps, step = 180, 5 * time.Second
			for range steps {
				w.clock.Step(step)
				w.rest()
				expire, err := strconv.ParseInt(string(w.Secret("acme").Data["expire"]), 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				if left := time.Unix(expire, 0).Sub(w.clock.Now().Add(offset)); left <= 0 {
					t.Fatalf("the Secret shows a URL that expired %s ago", -left)
				}
			}
			if got, most := w.Standin.Total(), int(steps*step/(20*time.Second)); got > most {
				t.Errorf("%d requests, want %d at most", got, most)
			}
			if told := w.told("acme"); len(told) != 1 || told[v1alpha1.ReasonIssued] != 1 {
				t.Errorf("events of a life without trouble: %v", told)
			}
		})
	}
}

// TestOwnClockIsSetBack: what the endpoint said counts, not how long it took by us.
func TestOwnClockIsSetBack(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme", builders.Expiration(600))
	w.rest() // a write that ends after the clock was set back would be waited for by a clock that stands
	w.clock.Stop()
	w.clock.SetTime(w.clock.Now().Add(-2 * time.Hour))
	w.Standin.SetClockOffset(2 * time.Hour)
	w.andPass("acme", func() { w.poke("acme") })
	w.waitForNewURL("acme", first.Status.URL)
	second := w.Ready("acme")
	w.clock.Step(w.until(second.Status.RenewalTime.Time) - 5*time.Second)
	w.waitForRequests(2)
}
