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
	process *os.Process
	logPath string
	ended   chan struct{}
	err     error // why it ended; set before ended is closed
}

// startManager runs the program. Its log is beside dir, so that it survives dir.
func startManager(dir, binary string, args ...string) (*manager, error) {
	m := &manager{logPath: dir + ".log", ended: make(chan struct{})}
	log, err := os.Create(m.logPath)
	if err != nil {
		return nil, err
	}
	script, err := process.DieWithParent(dir, binary, os.Getpid())
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	cmd := exec.Command(script, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must reach only us: stop ends the operator in its turn
	if err := errors.Join(cmd.Start(), log.Close()); err != nil {
		return nil, fmt.Errorf("start the operator: %w", err)
	}
	m.process = cmd.Process
	go func() {
		m.err = cmd.Wait()
		close(m.ended)
	}()
	return m, nil
}

// whileRunning returns a context that ends with ctx, and when the program ends.
func (m *manager) whileRunning(ctx context.Context) context.Context {
	running, cancel := context.WithCancelCause(ctx)
	go func() {
		<-m.ended
		cancel(errors.Join(errors.New("the operator ended unexpectedly"), m.err))
	}()
	return running
}

// stop ends the program by SIGTERM, or by SIGKILL when that takes too long.
func (m *manager) stop() error {
	_ = m.process.Signal(syscall.SIGTERM) // fails when the program has ended already
	select {
	case <-m.ended:
		return m.err
	case <-time.After(stopTimeout):
	}
	err := m.process.Kill()
	<-m.ended
	return errors.Join(fmt.Errorf("the operator did not end within %s", stopTimeout), err)
}

// logTailError is an error with the end of the operator's log.
type logTailError struct {
	err   error
	path  string
	lines []string
}

func (e *logTailError) Error() string { return e.err.Error() }
func (e *logTailError) Unwrap() error { return e.err }

// withLog adds the end of the log to an error.
func (m *manager) withLog(err error) error {
	return &logTailError{err: err, path: m.logPath, lines: process.LogTail(m.logPath, logTailLines)}
}
