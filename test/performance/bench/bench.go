package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// bench is a run of all measurements.
type bench struct {
	options
	out     io.Writer
	results results
	manager string // the program
	began   time.Time
	// lastRest is how long the last restarted manager took until it was at rest.
	lastRest time.Duration
}

func (b *bench) sayf(format string, args ...any) {
	fmt.Fprintf(b.out, "%6.0fs  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

func (b *bench) run(ctx context.Context) error {
	b.began = time.Now()
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b.manager = filepath.Join(dir, "manager")
	if err := b.build(ctx, b.manager); err != nil {
		return err
	}
	for _, n := range b.sessions {
		if err := b.measure(ctx, n); err != nil {
			return fmt.Errorf("with %d sessions: %w", n, err)
		}
	}
	b.noteSlopes()
	b.noteGrowth()
	return b.decisions(ctx)
}

// build builds the manager.
func (b *bench) build(ctx context.Context, path string) error {
	b.sayf("Build the manager")
	if said, err := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/manager").CombinedOutput(); err != nil {
		return fmt.Errorf("build the manager: %w\n%s", err, said)
	}
	return nil
}

const (
	// mostRepeated is the most sessions with which rounds are repeated: more of them take
	// long, and differ less.
	mostRepeated = 5000
	// mostCompared is the most sessions that the floor serves too. Of 100,000, it takes ten minutes
	// and shows nothing new for one session.
	mostCompared = 10000
)

func (o options) roundsWith(n int) int {
	if n > mostRepeated {
		return 1
	}
	return o.rounds
}

// measure looks at what n sessions cost.
func (b *bench) measure(ctx context.Context, n int) error {
	if n <= mostCompared {
		return b.compare(ctx, n)
	}
	took, err := b.runManager(ctx, n, true)
	if err != nil {
		return err
	}
	b.noteEffort(n, "manager", efforts{took})
	return nil
}

// compare has floor and manager take turns, and then looks at how the last manager
// lives on.
func (b *bench) compare(ctx context.Context, n int) error {
	var floors, managers efforts
	rounds := b.roundsWith(n)
	for round := 1; round <= rounds; round++ {
		floor, err := b.runFloor(ctx, n)
		if err != nil {
			return fmt.Errorf("the floor: %w", err)
		}
		b.sayf("%6d sessions, round %d: floor   %s", n, round, floor)
		floors = append(floors, floor)
		manager, err := b.runManager(ctx, n, round == rounds)
		if err != nil {
			return fmt.Errorf("the manager: %w", err)
		}
		managers = append(managers, manager)
	}
	b.noteEfforts(n, floors, managers)
	return nil
}

// effort is what the first issue of all sessions took.
type effort struct {
	// seconds from the start of the process, with the filling of its caches, until
	// the last of its calls was answered: all sessions ready and all events recorded.
	seconds float64
	// start is how many of them passed before the first Secret was there.
	start float64
	// Computing time by who spent it, in seconds.
	client, apiServer, etcd float64
}

func (e effort) String() string {
	return fmt.Sprintf("%6.1f s, the first after %.1f s; computed %.1f s itself, %.1f s in the API server, %.1f s in etcd",
		e.seconds, e.start, e.client, e.apiServer, e.etcd)
}

func (e effort) cpu() float64 { return e.client + e.apiServer + e.etcd }

// firstIssue times a program that serves a stage from nothing.
func (s *stage) firstIssue(ctx context.Context, start func() (*program, error)) (*program, effort, error) {
	apiServer, err := child("kube-apiserver")
	if err != nil {
		return nil, effort{}, err
	}
	etcd, err := child("etcd")
	if err != nil {
		return nil, effort{}, err
	}
	var before, after [2]float64
	look := func(into *[2]float64) (err error) {
		var errs [2]error
		into[0], errs[0] = cpu(apiServer)
		into[1], errs[1] = cpu(etcd)
		return errors.Join(errs[:]...)
	}
	if err := errors.Join(s.mark(), look(&before)); err != nil {
		return nil, effort{}, err
	}
	p, err := start()
	if err != nil {
		return nil, effort{}, err
	}
	err = s.waitForCalls(ctx, p, map[string]int{"patch billingsessions/status": s.sessions, "create events": s.sessions})
	if err != nil {
		return nil, effort{}, err
	}
	client, err := cpu(p.cmd.Process.Pid)
	if err := errors.Join(err, look(&after), s.mustBeReady(ctx)); err != nil {
		return nil, effort{}, err
	}
	return p, effort{
		seconds: s.answered().Sub(p.started).Seconds(),
		start:   s.first("create secrets").Sub(p.started).Seconds(),
		client:  client, apiServer: after[0] - before[0], etcd: after[1] - before[1],
	}, nil
}

func (b *bench) runFloor(ctx context.Context, n int) (_ effort, err error) {
	s, err := newStage(ctx, n, floorUserAgent)
	if err != nil {
		return effort{}, err
	}
	defer func() { err = errors.Join(err, s.strike()) }()
	self, err := os.Executable()
	if err != nil {
		return effort{}, err
	}
	p, took, err := s.firstIssue(ctx, func() (*program, error) {
		return launch(ctx, s.dir, self, floorCommand, "--kubeconfig", s.plane.KubeconfigPath(),
			"--endpoint-url", s.server.URL+standin.Path, fmt.Sprintf("--concurrency=%d", b.concurrency))
	})
	if err != nil {
		return effort{}, err
	}
	return took, p.stop()
}

func (b *bench) runManager(ctx context.Context, n int, liveOn bool) (_ effort, err error) {
	s, err := newStage(ctx, n, managerUserAgent)
	if err != nil {
		return effort{}, err
	}
	defer func() { err = errors.Join(err, s.strike()) }()
	var m *manager
	_, took, err := s.firstIssue(ctx, func() (*program, error) {
		m, err = s.launchManager(ctx, b.manager, b.concurrency)
		if err != nil {
			return nil, err
		}
		return m.program, nil
	})
	if err != nil {
		return effort{}, err
	}
	b.sayf("%6d sessions:          manager %s", n, took)
	if !liveOn {
		return took, m.stop()
	}
	return took, b.liveOn(ctx, s, m)
}

// liveOn looks at what comes after the first issue: rest, renewal, restart, the
// takeover by a standby and, once, a cluster full of other Secrets.
func (b *bench) liveOn(ctx context.Context, s *stage, m *manager) error {
	if _, err := s.waitQuiet(ctx, m); err != nil {
		return err
	}
	err := errors.Join(s.read(), b.noteMemory(ctx, s, "after first issue", m), b.notePasses(ctx, "first issue", s, m, 0))
	if err != nil {
		return err
	}
	b.noteCallsPerSession("first issue", s)
	b.note("first issue: requests to the endpoint", s.sessions, float64(s.endpoint.Total())/float64(s.sessions), "per session")
	steps := []func(context.Context, *stage, *manager) (*manager, error){b.renew, b.restart, b.exhibit, b.takeOver}
	if b.foreign > 0 && s.sessions == slices.Min(b.sessions) {
		steps = append(steps, b.crowd)
	}
	for _, step := range steps {
		var err error
		if m, err = step(ctx, s, m); err != nil {
			return err
		}
	}
	return m.stop()
}
