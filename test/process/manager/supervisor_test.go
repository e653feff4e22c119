package manager

import (
	"sync"
	"time"

	"github.com/xtracta/billing-operator/test/env"
)

// supervised is a manager that is started again when it ends, as a kubelet does.
type supervised struct {
	mu sync.Mutex
	// managers are all that were started, the one that runs last.
	managers []*env.Manager
}

// supervise starts a manager that serves the stage, waits until it is ready, and starts it again
// whenever it ends before the test does.
func (s *stage) supervise(args ...string) *supervised {
	s.T.Helper()
	v := &supervised{managers: []*env.Manager{s.StartManager(args...)}}
	go func() {
		for s.T.Context().Err() == nil {
			if v.current().Ended() {
				v.started(s.LaunchManager(args...))
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return v
}

func (v *supervised) started(m *env.Manager) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.managers = append(v.managers, m)
}

func (v *supervised) current() *env.Manager {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.managers[len(v.managers)-1]
}

// restarts is how often it was started again.
func (v *supervised) restarts() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.managers) - 1
}

// said reports whether any of them has written these words.
func (v *supervised) said(words string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, m := range v.managers {
		if m.Said(words) {
			return true
		}
	}
	return false
}
