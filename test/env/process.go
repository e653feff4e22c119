package env

import (
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/hack/process"
)

// Process is a program that runs beside a test, and is killed at its end.
type Process struct {
	// Out is all that it has written.
	Out Buffer

	t       testing.TB
	command *exec.Cmd
	ended   chan struct{}
	err     error
}

// Start starts a program, which writes to Out unless the command has a place for it. When the test
// fails, its log holds what the program wrote.
func Start(t testing.TB, command *exec.Cmd) *Process {
	t.Helper()
	p := &Process{t: t, command: command, ended: make(chan struct{})}
	if command.Stdout == nil {
		command.Stdout, command.Stderr = &p.Out, &p.Out
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = command.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%q said:\n%s", command.Args, &p.Out)
		}
	})
	return p
}

// Said reports whether the program has written these words.
func (p *Process) Said(words string) bool { return strings.Contains(p.Out.String(), words) }

// PID is the program's process ID.
func (p *Process) PID() int { return p.command.Process.Pid }

// Signal sends a signal, which does nothing when the program has ended.
func (p *Process) Signal(signal os.Signal) { _ = p.command.Process.Signal(signal) }

// Kill ends the program at once.
func (p *Process) Kill() {
	p.t.Helper()
	p.Signal(syscall.SIGKILL)
	_ = p.Wait()
}

// Stop ends the program as a kubelet would. It must end well.
func (p *Process) Stop() {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		p.t.Errorf("%s stopped with %v", p.command.Path, err)
	}
}

// Wait waits until the program has ended.
func (p *Process) Wait() error {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(Patience):
		p.t.Fatalf("%s does not end", p.command.Path)
	}
	return p.err
}

// Ended reports whether the program has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// MustRun fails the test when the program has ended.
func (p *Process) MustRun() {
	p.t.Helper()
	if p.Ended() {
		p.t.Fatalf("%q ended: %v", p.command.Args, p.err)
	}
}

// Tethered is a script that runs a command of cmd/. What it runs ends with the test binary,
// even when that is killed.
func Tethered(t testing.TB, name string) (script string) {
	t.Helper()
	script, err := process.DieWithParent(t.TempDir(), Program(t, name), os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return script
}

// Manager is a manager as a process.
type Manager struct {
	*Process
	health string
}

// LaunchManager starts a manager, which ends with the test binary even when that is killed.
// Later arguments override earlier ones.
func LaunchManager(t testing.TB, environment []string, args ...string) *Manager {
	t.Helper()
	health := FreeAddress(t)
	command := exec.Command(Tethered(t, "manager"), slices.Concat([]string{"--metrics-bind-address", "0"}, args, []string{"--health-probe-bind-address", health})...)
	command.Env = append(os.Environ(), environment...)
	return &Manager{Start(t, command), health}
}

// Ready names the problem as long as the manager is not ready.
func (m *Manager) Ready() (problem string) {
	m.t.Helper()
	m.MustRun()
	response, err := http.Get("http://" + m.health + "/readyz")
	if err != nil {
		return err.Error()
	}
	_ = response.Body.Close()
	return Unless(response.StatusCode == http.StatusOK, response.Status)
}
