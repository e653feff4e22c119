package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// tellInterval is how often a long build says how far it is.
const tellInterval = 10 * time.Second

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
