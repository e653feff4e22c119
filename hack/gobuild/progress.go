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

// progress reads the standard error of "go build -v" and reports every few seconds how far
// the build is. It keeps the lines that are neither a download nor a package: they explain
// a failure.
type progress struct {
	out     io.Writer
	stale   workload // what is still to be compiled; empty when that is unknown
	all     int64    // the sum of stale at the start
	started time.Time
	done    chan struct{}

	mu         sync.Mutex
	partial    string // a line that has not ended yet
	downloaded int
	kept       []string
}

// newProgress reports to out until stop is called.
func newProgress(out io.Writer, stale workload) *progress {
	p := &progress{out: out, stale: stale, all: stale.sum(), started: time.Now(), done: make(chan struct{})}
	go p.report()
	return p
}

func (p *progress) stop() { close(p.done) }

func (p *progress) report() {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			_, _ = fmt.Fprintln(p.out, p.line(time.Since(p.started)))
		}
	}
}

// Write takes standard error in pieces of any size.
func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := strings.Split(p.partial+string(text), "\n")
	last := len(lines) - 1
	p.partial = lines[last]
	for _, line := range lines[:last] {
		p.read(line)
	}
	return len(text), nil
}

// read tells packages from messages. An import path has no spaces, except that of a package
// that is compiled again for a test: "a/b [a/b.test]".
func (p *progress) read(line string) {
	path, forTest, _ := strings.Cut(line, " ")
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloaded++
	case path != "" && (forTest == "" || strings.HasSuffix(forTest, ".test]")):
		delete(p.stale, line)
	default:
		p.kept = append(p.kept, line)
	}
}

// messages are the lines that explain a failure.
func (p *progress) messages() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(append(p.kept, p.partial), "\n")
}

// line says how far the build is after the time that it has taken so far.
func (p *progress) line(elapsed time.Duration) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := p.all - p.stale.sum()
	switch {
	case done > 0 && len(p.stale) > 0:
		left := time.Duration(float64(elapsed) * float64(p.all-done) / float64(done))
		return fmt.Sprintf("  %2d %% compiled, about %s left", 100*done/p.all, roughly(left))
	case p.all > 0 && len(p.stale) > 0:
		return fmt.Sprintf("   0 %% compiled, packages to come: %d", len(p.stale))
	case p.downloaded > 0 && p.all == 0:
		return fmt.Sprintf("  %d modules downloaded", p.downloaded)
	}
	return fmt.Sprintf("  linking, %s so far", roughly(elapsed))
}

// roughly is a duration as people say it.
func roughly(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%d s", int(d.Seconds()/5+1)*5)
	}
	return fmt.Sprintf("%d min", int(d.Minutes()+0.5))
}
