package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/xtracta/billing-operator/hack/process"
)

const (
	// stopTimeout is how long the operator may take to end after SIGTERM.
	stopTimeout = 20 * time.Second
	// logTailLines is how much of the operator's log is shown after a failure.
	logTailLines = 12
)

// manager is the operator as a process. It writes its log to a file.
type manager struct {
	logPath string
	end     context.CancelFunc
	running context.Context // ends with the program, and says why
	ended   chan error
}

// startManager runs the program. Its log is beside dir, so that it survives dir.
func startManager(ctx context.Context, dir, binary string, args ...string) (*manager, error) {
	script, err := process.DieWithParent(dir, binary, os.Getpid())
	if err != nil {
		return nil, err
	}
	m := &manager{logPath: dir + ".log", ended: make(chan error, 1)}
	log, err := os.Create(m.logPath)
	if err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background()) // it outlives ctx: tearDown ends it in its turn
	m.end = end
	cmd := exec.CommandContext(life, script, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopTimeout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must reach only us
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		end()
		return nil, fmt.Errorf("start the operator: %w", err)
	}
	running, cancel := context.WithCancelCause(ctx)
	m.running = running
	go func() {
		err := cmd.Wait()
		cancel(errors.Join(errors.New("the operator ended unexpectedly"), err))
		m.ended <- err
	}()
	return m, nil
}

// stop ends the program by SIGTERM, or by SIGKILL when that takes too long.
func (m *manager) stop() error {
	m.end()
	if err := <-m.ended; !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// logTailError is an error with the end of the operator's log.
type logTailError struct {
	error

	path  string
	lines []string
}

func (e *logTailError) Unwrap() error { return e.error }

// withLog adds the end of the log to an error.
func (m *manager) withLog(err error) error {
	return &logTailError{err, m.logPath, process.LogTail(m.logPath, logTailLines)}
}
