package gobuild

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progressInterval is how often progress is reported.
const progressInterval = 5 * time.Second

// progressWriter reads the standard error of "go build -v" and reports every few
// seconds how far the build is. It keeps the lines that are neither a download nor a
// package: they explain a failure.
type progressWriter struct {
	out     io.Writer
	total   int // how many packages the build consists of; 0 when unknown
	started time.Time
	done    chan struct{}

	mu         sync.Mutex
	partial    string // a line that has not ended yet
	downloaded int
	compiled   int
	messages   []string
}

// newProgressWriter reports to out until stop is called.
func newProgressWriter(out io.Writer, total int) *progressWriter {
	p := &progressWriter{out: out, total: total, started: time.Now(), done: make(chan struct{})}
	go p.report()
	return p
}

func (p *progressWriter) stop() { close(p.done) }

// Write takes standard error in pieces of any size.
func (p *progressWriter) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := strings.Split(p.partial+string(text), "\n")
	last := len(lines) - 1
	p.partial = lines[last]
	for _, line := range lines[:last] {
		p.count(line)
	}
	return len(text), nil
}

// count relies on import paths having no spaces, and on messages having some.
func (p *progressWriter) count(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloaded++
	case line != "" && !strings.ContainsAny(line, " \t"):
		p.compiled++
	default:
		p.messages = append(p.messages, line)
	}
}

// stderr returns the messages.
func (p *progressWriter) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(append(p.messages, p.partial), "\n")
}

func (p *progressWriter) report() {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			_, _ = fmt.Fprintln(p.out, p.line())
		}
	}
}

func (p *progressWriter) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := time.Since(p.started).Round(time.Second)
	switch {
	case p.compiled > 0 && p.total > 0:
		return fmt.Sprintf("  %d of at most %d packages compiled after %s", p.compiled, p.total, elapsed)
	case p.compiled > 0:
		return fmt.Sprintf("  %d packages compiled after %s", p.compiled, elapsed)
	case p.downloaded > 0:
		return fmt.Sprintf("  %d modules downloaded after %s", p.downloaded, elapsed)
	default: // the build cache holds all packages, but linking takes time
		return fmt.Sprintf("  still building after %s", elapsed)
	}
}
