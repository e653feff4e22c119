package manager

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a manager that runs.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	health string
	out    *syncBuffer
	exited chan struct{}
	err    error
}

// startManager starts a manager that serves the stage's namespace, and waits until it is ready.
func (s *stage) startManager(args ...string) *process {
	s.t.Helper()
	p := s.launchManager(args...)
	s.eventually("the manager is ready", func() string {
		return p.ready()
	})
	return p
}

func (s *stage) launchManager(args ...string) *process {
	s.t.Helper()
	p := &process{t: s.t, health: freeAddress(s.t), out: &syncBuffer{}, exited: make(chan struct{})}
	p.cmd = exec.Command(managerPath, append([]string{
		"--kubeconfig", s.cluster.KubeconfigPath(),
		"--endpoint-url", s.server.URL + "/v1/billings/billing_ui",
		"--watch-namespaces", s.namespace,
		"--metrics-bind-address", "0",
		"--health-probe-bind-address", p.health,
		"--log-format", "text", "--log-level", "debug",
	}, args...)...)
	p.cmd.Stderr = p.out
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	s.t.Cleanup(func() {
		p.kill()
		if s.t.Failed() {
			s.t.Logf("manager %v said:\n%s", args, p.out)
		}
		s.mustNotLeak("the manager's log", p.out.String())
	})
	return p
}

func (p *process) said(words string) bool { return strings.Contains(p.out.String(), words) }

// ready is empty once /readyz answers 200.
func (p *process) ready() string {
	select {
	case <-p.exited:
		p.t.Fatalf("the manager ended: %v\n%s", p.err, p.out)
	default:
	}
	response, err := http.Get("http://" + p.health + "/readyz")
	if err != nil {
		return err.Error()
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return response.Status
	}
	return ""
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// stop asks the process to end and waits until it did, with success.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.wait()
	if p.err != nil {
		p.t.Errorf("the manager stopped with %v", p.err)
	}
}

// kill ends the process at once.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	p.wait()
}

func (p *process) wait() {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatalf("the manager does not end:\n%s", p.out)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

type syncBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
