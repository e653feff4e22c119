package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// tellInterval is how often a long build says how far it is.
	tellInterval = 10 * time.Second
	// stopTimeout is how long a program may take to end when it is asked to.
	stopTimeout = 20 * time.Second
)

// build compiles the manager into dir and tells progress how far that is.
func build(ctx context.Context, root, dir string, progress io.Writer) (string, error) {
	binary := filepath.Join(dir, "manager")
	// -v names each package that is compiled
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-o", binary, "./cmd/manager")
	cmd.Dir = root
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = stopTimeout
	var said tally
	cmd.Stdout, cmd.Stderr = &said, &said

	ticker := time.NewTicker(tellInterval)
	defer ticker.Stop()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Run() }()
	for {
		select {
		case <-ticker.C:
			_, _ = fmt.Fprintln(progress, said.progress())
		case err := <-ended:
			if ctx.Err() != nil {
				return "", context.Cause(ctx)
			}
			if err != nil {
				return "", fmt.Errorf("go build ./cmd/manager: %w\n%s", err, said.text())
			}
			return binary, nil
		}
	}
}

// tally keeps what "go build -v" says: a line for each package.
type tally struct {
	mu   sync.Mutex
	said bytes.Buffer
}

func (t *tally) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said.Write(p)
}

// progress says how far a build is. Where all packages were compiled before, what
// takes time is the linking.
func (t *tally) progress() string {
	if n := strings.Count(t.text(), "\n"); n > 0 {
		return fmt.Sprintf("Still building, %d packages compiled so far", n)
	}
	return "Still building"
}

func (t *tally) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.said.String()
}

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
