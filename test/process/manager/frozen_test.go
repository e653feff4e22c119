//go:build long

package manager

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env/builders"
)

// TestALeaderThatWasFrozenAsksForNothingMore lets the leader wake up beside its successor, which
// has renewed by then what was due meanwhile.
func TestALeaderThatWasFrozenAsksForNothingMore(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	election := []string{"--leader-elect", "--leader-election-namespace", s.Namespace}
	leader := s.StartManager(election...)
	const sessions = 20
	name := func(i int) string { return fmt.Sprintf("acme-%d", i) }
	for i := range sessions { // due half a minute to a minute after each grant
		s.WithOwnKey(name(i), builders.Expiration(300), builders.RenewBefore(240))
	}
	for i := range sessions {
		s.Ready(name(i))
	}
	s.StartManager(election...)

	leader.Signal(syscall.SIGSTOP)
	frozen := time.Now()
	time.Sleep(45 * time.Second) // that long it is frozen
	leader.Signal(syscall.SIGCONT)
	if err := leader.Wait(); err == nil || !leader.Said("leader election lost") {
		t.Errorf("the leader that was frozen ends with %v", err)
	}

	last, renewed := map[string]time.Time{}, 0
	for _, request := range s.Standin.Log() {
		if before := last[request.Key]; request.Time.Sub(before) < 25*time.Second {
			t.Errorf("key %s is asked for twice within %s", request.Key, request.Time.Sub(before))
		}
		last[request.Key] = request.Time
		if request.Time.After(frozen) {
			renewed++
		}
	}
	if renewed < sessions/4 {
		t.Errorf("only %d sessions were renewed while the leader was frozen: this shows nothing", renewed)
	}
}
