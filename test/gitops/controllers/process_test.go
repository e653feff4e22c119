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
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/hack/process"
)

// controller is a process that works on the cluster.
type controller struct {
	cmd    *exec.Cmd
	log    *lockedBuffer
	exited chan struct{}
}

// start runs a program and waits until its health can be read at a URL.
func (s *site) start(ctx context.Context, health, program string, args ...string) (*controller, error) {
	dir, err := os.MkdirTemp("", "controllers-")
	if err != nil {
		return nil, err
	}
	script, err := process.DieWithParent(dir, program, os.Getpid())
	if err != nil {
		return nil, err
	}
	c := &controller{log: &lockedBuffer{}, exited: make(chan struct{})}
	c.cmd = process.Command(ctx, "", script, args...)
	c.cmd.Env = append(os.Environ(), s.environment(dir)...)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = c.cmd.Wait()
		close(c.exited)
	}()
	for deadline := time.After(patience); !reachable(health); {
		select {
		case <-c.exited:
			return nil, fmt.Errorf("%s ended:\n%s", program, c.log)
		case <-deadline:
			return nil, fmt.Errorf("%s is not ready:\n%s", program, c.log)
		case <-time.After(50 * time.Millisecond): // the pace of looking
		}
	}
	return c, nil
}

// reachable reports whether something answers at an address, or with success at a URL.
func reachable(health string) bool {
	if !strings.HasPrefix(health, "http") {
		connection, err := net.Dial("tcp", health)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}
	answer, err := http.Get(health)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// tools is the folder of helm and kustomize.
var tools = absolute(root, "bin", "tools")

func absolute(elements ...string) string {
	path, err := filepath.Abs(filepath.Join(elements...))
	if err != nil {
		panic(err)
	}
	return path
}

// environment has a program use the cluster, as if in it, and leave its files in a folder.
func (s *site) environment(dir string) []string {
	return []string{
		"KUBECONFIG=" + s.cluster.KubeconfigPath(), "TMPDIR=" + dir,
		"PATH=" + tools + string(filepath.ListSeparator) + os.Getenv("PATH"), // Argo CD runs helm and kustomize
		"ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false", "ARGOCD_PLUGINSOCKFILEPATH=" + dir,
		"ARGOCD_TLS_DATA_PATH=" + dir, "ARGOCD_SSH_DATA_PATH=" + dir, "REDIS_PASSWORD=",
	}
}

func (c *controller) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	<-c.exited
}

func (c *controller) running() bool {
	select {
	case <-c.exited:
		return false
	default:
		return true
	}
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
	return s.site.billing(s.t, append(args, "--namespace", s.namespace)...)
}

func (s *site) billing(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), plugin, append(args, "--kubeconfig", s.cluster.KubeconfigPath())...)
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
