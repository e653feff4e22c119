//go:build long

package chaos

import (
	"bytes"
	"context"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fleet keeps managers running as a cluster would: what ends is started again.
type fleet struct {
	w       *world
	program string
	args    []string

	mu       sync.Mutex
	all      []*process
	keepers  sync.WaitGroup
	stopKeep context.CancelFunc
}

const (
	// endpointTimeout is what the managers are told.
	endpointTimeout = 8 * time.Second
	// stopTimeout is for how long a manager may finish what it does when it is told to stop.
	stopTimeout = time.Minute
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
		args = append(slices.Clone(args), "--leader-elect", "--leader-election-namespace", f.w.namespace)
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
	p, err := f.start(args)
	if err != nil {
		f.w.violated(nobody, "a manager cannot be started: %v", err)
		return
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		f.end(p, syscall.SIGTERM)
	}
	f.w.chronicle.note(nobody, "manager %d has ended: %v", p.number, p.err)
	f.judgeEnd(p)
}

func (f *fleet) start(args []string) (*process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &process{number: len(f.all) + 1, chronicle: f.w.chronicle, exited: make(chan struct{})}
	p.cmd = exec.Command(f.program, args...)
	p.cmd.Stderr = p
	p.cmd.WaitDelay = 2 * time.Second // the watcher holds no pipe, but a slow machine may
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	f.w.chronicle.note(nobody, "manager %d starts", p.number)
	f.w.chronicle.count("manager started")
	f.all = append(f.all, p)
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// end ends a manager, and waits until it has.
func (f *fleet) end(p *process, signal syscall.Signal) {
	f.w.chronicle.note(nobody, "manager %d gets: %s", p.number, signal)
	p.signal(signal)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		f.w.violated(nobody, "manager %d does not end when it is told to", p.number)
		p.signal(syscall.SIGKILL)
		<-p.exited
	}
}

// endOne ends a manager of that kind; where there is none, any.
func (f *fleet) endOne(wanted func(*process) bool, signal syscall.Signal) {
	f.mu.Lock()
	running := slices.DeleteFunc(slices.Clone(f.all), (*process).hasEnded)
	f.mu.Unlock()
	if i := slices.IndexFunc(running, wanted); i >= 0 {
		f.end(running[i], signal)
	} else if len(running) > 0 {
		f.end(running[0], signal)
	}
}

// judgeEnd holds that a manager ends when it is told to, when it cannot reach the API server
// at its start, and when it is not the leader any more; for no other reason.
func (f *fleet) judgeEnd(p *process) {
	log := p.said()
	p.mu.Lock()
	told := p.told
	p.mu.Unlock()
	switch {
	case strings.Contains(log, "panic: "):
		f.w.violated(nobody, "manager %d crashed: %s", p.number, log[strings.Index(log, "panic: "):])
	case strings.Contains(log, "this is a defect"):
		f.w.violated(nobody, "manager %d has found a defect: %s", p.number, log[strings.Index(log, "this is a defect"):])
	case p.leads() && !told && !strings.Contains(log, "leader election lost"):
		f.w.violated(nobody, "manager %d ended by itself: %v: …%s", p.number, p.err, log[max(0, len(log)-2000):])
	}
}

// process is a manager.
type process struct {
	number    int
	chronicle *chronicle
	cmd       *exec.Cmd
	exited    chan struct{}
	err       error

	mu      sync.Mutex
	told    bool // to end
	leading bool
	log     bytes.Buffer
}

// Write takes the log. It tells when the manager begins to work.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log.Write(text)
	if !p.leading && bytes.Contains(p.log.Bytes(), []byte(`msg="Starting workers"`)) {
		p.leading = true
		p.chronicle.tookOver()
		p.chronicle.note(nobody, "manager %d works", p.number)
	}
	return len(text), nil
}

func (p *process) leads() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leading
}

func (p *process) standsBy() bool { return !p.leads() }

func (p *process) hasEnded() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	p.told = true
	p.mu.Unlock()
	_ = p.cmd.Process.Signal(s)
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
