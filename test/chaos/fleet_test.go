//go:build long

package chaos

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/xtracta/billing-operator/test/env"
)

// fleet keeps managers running as a cluster would: what ends is started again.
type fleet struct {
	w       *world
	program string
	args    []string

	mu       sync.Mutex
	all      []*manager
	keepers  sync.WaitGroup
	stopKeep context.CancelFunc
}

// manager is one as a process.
type manager struct {
	*env.Process
	number int
	told   atomic.Bool // to end
}

const (
	// endpointTimeout is what the managers are told.
	endpointTimeout = 8 * time.Second
	// restartDelay is what a kubelet takes to start a container again.
	restartDelay = 500 * time.Millisecond
)

// run starts that many replicas, in place of those that run.
func (f *fleet) run(replicas int) {
	f.stop()
	ctx, cancel := context.WithCancel(context.Background())
	f.stopKeep = cancel
	args := f.args
	if replicas > 1 {
		args = append(slices.Clone(args), "--leader-elect", "--leader-election-namespace", f.w.Namespace)
	}
	for range replicas {
		f.keepers.Go(func() {
			for ctx.Err() == nil {
				f.keep(ctx, args)
				pause(ctx, restartDelay)
			}
		})
	}
}

// stop ends all replicas, and waits until they have.
func (f *fleet) stop() {
	if f.stopKeep != nil {
		f.stopKeep()
	}
	f.keepers.Wait()
}

// keep runs a manager until it ends.
func (f *fleet) keep(ctx context.Context, args []string) {
	m := f.start(args)
	f.w.chronicle.note(nobody, "manager %d starts", m.number)
	for ctx.Err() == nil && !m.Ended() {
		pause(ctx, 20*time.Millisecond) // the pace of looking
	}
	if !m.Ended() {
		f.end(m, syscall.SIGTERM)
	}
	err := m.Wait()
	f.w.chronicle.note(nobody, "manager %d has ended: %v", m.number, err)
	f.judgeEnd(m, err)
}

func (f *fleet) start(args []string) *manager {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := &manager{number: len(f.all) + 1, Process: env.Start(f.w.T, exec.Command(f.program, args...))}
	f.all = append(f.all, m)
	return m
}

// end ends a manager, and waits until it has.
func (f *fleet) end(m *manager, signal syscall.Signal) {
	f.w.chronicle.note(nobody, "manager %d gets: %s", m.number, signal)
	m.told.Store(true)
	m.Signal(signal)
	_ = m.Wait()
}

// endOne ends a manager of that kind; where there is none, any.
func (f *fleet) endOne(wanted func(*manager) bool, signal syscall.Signal) {
	f.mu.Lock()
	running := slices.DeleteFunc(slices.Clone(f.all), func(m *manager) bool { return m.Ended() })
	f.mu.Unlock()
	if i := slices.IndexFunc(running, wanted); i >= 0 {
		f.end(running[i], signal)
	} else if len(running) > 0 {
		f.end(running[0], signal)
	}
}

// judgeEnd holds that a manager ends when it is told to, when it cannot reach the API server
// at its start, and when it is not the leader any more; for no other reason.
func (f *fleet) judgeEnd(m *manager, err error) {
	log := m.Out.String()
	for _, defect := range []string{"panic: ", "this is a defect"} {
		if at := strings.Index(log, defect); at >= 0 {
			f.w.violated(nobody, "manager %d has a defect: %s", m.number, log[at:])
		}
	}
	if m.leads() && !m.told.Load() && !strings.Contains(log, "leader election lost") {
		f.w.violated(nobody, "manager %d ended by itself: %v: …%s", m.number, err, log[max(0, len(log)-2000):])
	}
}

// takeovers are when another process began to work.
func (f *fleet) takeovers() (all []time.Time) {
	for _, m := range f.all {
		for line := range strings.Lines(m.Out.String()) {
			if !strings.Contains(line, beginsToWork) {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, strings.TrimPrefix(strings.Fields(line)[0], "time="))
			if err != nil {
				f.w.T.Error(err)
			}
			all = append(all, at)
			break
		}
	}
	return all
}

// beginsToWork is what a manager logs when it has become the leader.
const beginsToWork = `msg="Starting workers"`

func (m *manager) leads() bool    { return m.Said(beginsToWork) }
func (m *manager) standsBy() bool { return !m.leads() }

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
