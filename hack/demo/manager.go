package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a program may take to end when it is asked to.
const stopTimeout = 20 * time.Second

// tether becomes the program that is its second argument, and leaves a watcher
// behind that ends the program, and removes the folder that is its first argument,
// once the process that started it is gone: not even SIGKILL leaves anything behind.
const tether = `
dir=$1; shift
watch() {
	while kill -0 "$PPID"; do
		kill -0 $$ || return
		sleep 1
	done
	kill $$
	rm -rf "$dir"
}
watch >/dev/null 2>&1 &
exec "$@"`

// manager is the operator as a process. It writes its log into a file.
type manager struct {
	process *os.Process
	logPath string
	ended   chan struct{}
	err     error // why it ended, once it has
}

// startManager runs the program. Its log is beside dir, which it outlives.
func startManager(dir, binary string, args ...string) (*manager, error) {
	m := &manager{logPath: dir + ".log", ended: make(chan struct{})}
	log, err := os.Create(m.logPath)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("sh", append([]string{"-c", tether, "sh", dir, binary}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; we end it in its turn
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

// whileRunning ends with ctx, and when the program ends by itself.
func (m *manager) whileRunning(ctx context.Context) context.Context {
	running, cancel := context.WithCancelCause(ctx)
	go func() {
		<-m.ended
		cancel(errors.Join(errors.New("the operator ended by itself"), m.err))
	}()
	return running
}

// stop asks the program to end, and insists after a while.
func (m *manager) stop() error {
	_ = m.process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-m.ended:
		return m.err
	case <-time.After(stopTimeout):
	}
	err := m.process.Kill()
	<-m.ended
	return errors.Join(fmt.Errorf("the operator did not end within %s", stopTimeout), err)
}

// lastWordsError is an error with the end of the operator's log.
type lastWordsError struct {
	err   error
	path  string
	lines []string
}

func (e *lastWordsError) Error() string { return e.err.Error() }
func (e *lastWordsError) Unwrap() error { return e.err }

// lastWords adds the end of the log to an error.
func (m *manager) lastWords(err error) error {
	const most = 12
	log, _ := os.ReadFile(m.logPath)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return &lastWordsError{err: err, path: m.logPath, lines: lines[max(0, len(lines)-most):]}
}
