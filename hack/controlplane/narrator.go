package controlplane

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const narrationInterval = 5 * time.Second

// narrator reads what the go command says on its standard error and tells every
// few seconds how far it is. What is neither a download nor a compiled package
// it keeps as a complaint.
type narrator struct {
	out     io.Writer
	started time.Time
	done    chan struct{}

	mu       sync.Mutex
	partial  string
	pending  map[string]bool // packages not compiled yet; nil before compiling begins
	total    int
	compiled int
	fetched  int
	other    []string
}

func narrate(out io.Writer) *narrator {
	n := &narrator{out: out, started: time.Now(), done: make(chan struct{})}
	go n.tell()
	return n
}

func (n *narrator) stop() { close(n.done) }

// compiling announces the packages that a build consists of.
func (n *narrator) compiling(packages []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.total = len(packages)
	n.pending = make(map[string]bool, len(packages))
	for _, p := range packages {
		n.pending[p] = true
	}
}

// Write takes the go command's standard error, in pieces of any size.
func (n *narrator) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := strings.Split(n.partial+string(p), "\n")
	last := len(lines) - 1
	n.partial = lines[last]
	for _, line := range lines[:last] {
		n.take(line)
	}
	return len(p), nil
}

func (n *narrator) take(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		n.fetched++
	case n.pending[line]:
		delete(n.pending, line)
		n.compiled++
	default:
		n.other = append(n.other, line)
	}
}

func (n *narrator) complaints() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(append(n.other, n.partial), "\n")
}

func (n *narrator) tell() {
	ticker := time.NewTicker(narrationInterval)
	defer ticker.Stop()
	for {
		select {
		case <-n.done:
			return
		case <-ticker.C:
			fmt.Fprintln(n.out, n.line())
		}
	}
}

func (n *narrator) line() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	elapsed := time.Since(n.started).Round(time.Second)
	if n.pending == nil {
		return fmt.Sprintf("  %d modules fetched after %s", n.fetched, elapsed)
	}
	return fmt.Sprintf("  %d packages compiled after %s, of %d less those in the build cache", n.compiled, elapsed, n.total)
}
