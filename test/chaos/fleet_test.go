package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fleet keeps managers running as a cluster would: what ends is started again.
type fleet struct {
	chronicle *chronicle
	binary    string
	args      []string
	namespace string

	mu       sync.Mutex
	all      []*process
	running  []*process
	keepers  sync.WaitGroup
	stopKeep context.CancelFunc
}

const (
	// endpointTimeout is what the managers are told.
	endpointTimeout = 8 * time.Second
	// stopTimeout is for how long a manager may finish what it does when it is told to stop.
	stopTimeout = 45 * time.Second
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
		args = append(args[:len(args):len(args)], "--leader-elect", "--leader-election-namespace", f.namespace)
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
		f.chronicle.violated(nobody, "a manager cannot be started: %v", err)
		return
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		f.end(p, syscall.SIGTERM)
	}
	f.ended(p)
}

func (f *fleet) start(args []string) (*process, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := &process{number: len(f.all) + 1, chronicle: f.chronicle, exited: make(chan struct{})}
	p.cmd = exec.Command(f.binary, args...)
	p.cmd.Stderr = p
	p.cmd.WaitDelay = 2 * time.Second // the watcher holds no pipe, but a slow machine may
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	f.chronicle.note(nobody, "manager %d starts", p.number)
	f.chronicle.count("managers", "started")
	f.all = append(f.all, p)
	f.running = append(f.running, p)
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (f *fleet) ended(p *process) {
	f.mu.Lock()
	for i, other := range f.running {
		if other == p {
			f.running = append(f.running[:i:i], f.running[i+1:]...)
			break
		}
	}
	f.mu.Unlock()
	if p.leads() {
		f.chronicle.turnover()
	}
	f.chronicle.note(nobody, "manager %d has ended: %v", p.number, p.err)
	p.judgeEnd()
}

// end ends a manager, and waits until it has.
func (f *fleet) end(p *process, signal syscall.Signal) {
	f.chronicle.note(nobody, "manager %d gets: %s", p.number, signal)
	p.signal(signal)
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		f.chronicle.violated(nobody, "manager %d does not end when it is told to", p.number)
		p.signal(syscall.SIGKILL)
		<-p.exited
	}
}

// leader is the manager that works; where none does, any. Nil when none runs.
func (f *fleet) leader() *process { return f.find((*process).leads) }

// standby is a manager that waits for its turn to work.
func (f *fleet) standby() *process { return f.find(func(p *process) bool { return !p.leads() }) }

func (f *fleet) find(wanted func(*process) bool) *process {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.running {
		if wanted(p) {
			return p
		}
	}
	if len(f.running) > 0 {
		return f.running[0]
	}
	return nil
}

// logs is what all managers said.
func (f *fleet) logs() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	logs := map[string]string{}
	for _, p := range f.all {
		logs[fmt.Sprintf("the log of manager %d", p.number)] = p.said()
	}
	return logs
}

// process is a manager. It listens to its own log.
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
	heard   int // of the log
}

// Write takes the log.
func (p *process) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log.Write(text)
	for {
		line, _, whole := bytes.Cut(p.log.Bytes()[p.heard:], []byte("\n"))
		if !whole {
			return len(text), nil
		}
		p.heard += len(line) + 1
		p.hear(string(line))
	}
}

var (
	nameInLog    = regexp.MustCompile(` (?:BillingSession\.)?name=(s\d{3}) `)
	messageInLog = regexp.MustCompile(`msg=("(?:[^"\\]|\\.)*"|\S+)`)
	factInLog    = regexp.MustCompile(`\b(?:cause|outcome|expires|failures|next|message|err|reason|after)=(?:"(?:[^"\\]|\\.)*"|\S+)`)
)

// hear writes what the manager says of a session into that session's history.
func (p *process) hear(line string) {
	switch {
	case strings.Contains(line, `msg="Starting workers"`):
		p.leading = true
		p.chronicle.turnover()
		p.chronicle.note(nobody, "manager %d works", p.number)
	case strings.Contains(line, "this is a defect"):
		p.chronicle.violated(nobody, "manager %d says: %s", p.number, line)
	}
	if name := nameInLog.FindStringSubmatch(line + " "); name != nil {
		p.chronicle.note(numberOf(name[1]), "manager %d: %s %s", p.number,
			messageInLog.FindString(line), strings.Join(factInLog.FindAllString(line, -1), " "))
	}
}

func (p *process) leads() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leading
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

// judgeEnd: a manager ends when it is told to, when it cannot reach the API server
// at its start, and when it is not the leader any more; for no other reason.
func (p *process) judgeEnd() {
	log := p.said()
	p.mu.Lock()
	told, led := p.told, p.leading
	p.mu.Unlock()
	switch {
	case strings.Contains(log, "panic: "):
		p.chronicle.violated(nobody, "manager %d crashed: %s", p.number, log[strings.Index(log, "panic: "):])
	case led && !told && !strings.Contains(log, "leader election lost"):
		p.chronicle.violated(nobody, "manager %d ended by itself: %v: …%s", p.number, p.err, log[max(0, len(log)-2000):])
	case !told:
		p.chronicle.count("managers", "ended by themselves, for a reason")
	}
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
