package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/procfs"
)

// program is a process that is measured.
type program struct {
	cmd     *exec.Cmd
	started time.Time
	log     string
	ended   chan struct{}
	err     error // why it ended, once it has
}

// launch starts a program. It is killed when ctx ends.
func launch(ctx context.Context, dir, path string, args ...string) (*program, error) {
	log, err := os.CreateTemp(dir, filepath.Base(path)+"-*.log")
	if err != nil {
		return nil, err
	}
	p := &program{cmd: exec.CommandContext(ctx, path, args...), log: log.Name(), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.started = time.Now()
	if err := errors.Join(p.cmd.Start(), log.Close()); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop asks the program to end, and waits.
func (p *program) stop() error { return p.end(syscall.SIGTERM) }

// kill ends the program at once.
func (p *program) kill() error { return p.end(syscall.SIGKILL) }

func (p *program) end(signal os.Signal) error {
	_ = p.cmd.Process.Signal(signal) // it may have ended by itself
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(errors.New("the program does not end"), p.cmd.Process.Kill())
	}
}

// alive is an error, with the program's last words, once it has ended.
func (p *program) alive() error {
	select {
	case <-p.ended:
		log, _ := os.ReadFile(p.log)
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		return fmt.Errorf("%s ended: %w\n%s", filepath.Base(p.cmd.Path), errors.Join(errors.New("by itself"), p.err),
			strings.Join(lines[max(0, len(lines)-10):], "\n"))
	default:
		return nil
	}
}

// resident is the memory of the program, now and at most so far, in bytes.
func (p *program) resident() (now, peak float64, err error) {
	proc, err := procfs.NewProc(p.cmd.Process.Pid)
	if err != nil {
		return 0, 0, err
	}
	status, err := proc.NewStatus()
	return float64(status.VmRSS), float64(status.VmHWM), err
}

// cpu is how long a program has computed, in seconds.
func cpu(pid int) (float64, error) {
	proc, err := procfs.NewProc(pid)
	if err != nil {
		return 0, err
	}
	stat, err := proc.Stat()
	return stat.CPUTime(), err
}

// child is the program of that name that this process has started.
func child(name string) (pid int, err error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	for _, proc := range all {
		// Others may end meanwhile.
		if stat, err := proc.Stat(); err == nil && stat.PPID == os.Getpid() && stat.Comm == name {
			return proc.PID, nil
		}
	}
	return 0, fmt.Errorf("no program %s was started here", name)
}
