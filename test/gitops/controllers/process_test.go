package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/hack/process"
)

// controller is a process that works on the cluster.
type controller struct {
	cmd *exec.Cmd
	log *lockedBuffer
}

// start runs a program and waits until it says that it is ready.
func start(ctx context.Context, program string, args ...string) (*controller, error) {
	health, err := freeAddress()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "controllers-")
	if err != nil {
		return nil, err
	}
	script, err := process.DieWithParent(dir, program, os.Getpid())
	if err != nil {
		return nil, err
	}
	c := &controller{log: &lockedBuffer{}}
	name := "--health-addr"
	if strings.HasSuffix(program, "manager") {
		name = "--health-probe-bind-address"
	}
	c.cmd = process.Command(ctx, "", script, append(args, name, health)...)
	c.cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.KubeconfigPath(), "TMPDIR="+dir)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get("http://" + health + "/readyz")
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return c, nil
			}
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s is not ready: %w\n%s", program, err, c.log)
		}
	}
}

func (c *controller) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Wait()
}

// applications are what Flux said that it did to each object of a Kustomization, one map for
// each time that it applied all of them: "BillingSession/ns/name": "unchanged".
func (c *controller) applications(namespace, kustomization string) (found []map[string]string) {
	for line := range strings.Lines(c.log.String()) {
		var entry struct {
			Message   string            `json:"msg"`
			Namespace string            `json:"namespace"`
			Name      string            `json:"name"`
			Output    map[string]string `json:"output"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "server-side apply completed" &&
			entry.Namespace == namespace && entry.Name == kustomization {
			found = append(found, entry.Output)
		}
	}
	return found
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// lockedBuffer keeps what a process says.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// billing runs kubectl-billing in the stage's namespace.
func (s *stage) billing(args ...string) string {
	s.t.Helper()
	return billing(s.t, append(args, "--namespace", s.namespace)...)
}

func billing(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), plugin, append(args, "--kubeconfig", cluster.KubeconfigPath())...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("kubectl billing %v: %v\n%s", args, err, out)
		}
		t.Fatal(err)
	}
	return string(out)
}
