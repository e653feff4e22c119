//go:build bench

package bench

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
)

var (
	costSessions = flag.String("cost.sessions", "1000,5000,10000", "numbers of sessions to measure, ascending")
	costRounds   = flag.Int("cost.rounds", 3, "how often loop and manager take turns with up to 5000 sessions; the best of each counts")

	latencySessions = flag.Int("latency.sessions", 5000, "sessions at rest among which one is measured")
	latencyBurst    = flag.Int("latency.burst", 1000, "sessions that are created at once")
)

const (
	// keys that all sessions share.
	keys = 50
	// life is long enough for nothing to become due while it is measured.
	life = 86400
	// concurrency is how many requests to the endpoint there are at once.
	concurrency = 16
	// patience is how long anything may take before it counts as stuck. The first issue of
	// 100,000 sessions takes a quarter of an hour or more on two processors.
	patience = 40 * time.Minute
	// creators are how many objects are created at once before a measurement.
	creators = 32
)

func TestMain(m *testing.M) {
	if order := os.Getenv(floorVariable); order != "" {
		runFloor(order)
		return
	}
	env.Main(m)
}
