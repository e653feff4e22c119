package integration

import (
	"fmt"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestAKeyThatIsRewrittenAllTheTime: an operator of somebody else's may write a new value
// every few seconds. Each is another key, so each wants another URL.
func TestAKeyThatIsRewrittenAllTheTime(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme", builders.Expiration(86400))
	w.clock.Stop()
	for i := range 100 {
		w.andPass("acme", func() { w.GiveKey("key", env.KeyOf(fmt.Sprint(i))) })
		w.clock.Step(2 * time.Second)
		w.rest()
	}
	if got := w.Standin.Total(); got > 21 { // the first, and one in ten seconds
		t.Errorf("%d requests in 200 s", got)
	}
	w.GiveKey("key", w.Key)
	w.clock.Step(2 * time.Minute)
	w.Ready("acme")
}
