package gobuild

import (
	"fmt"
	"io"
	"testing"
	"time"
)

func TestProgressSaysHowFarABuildIs(t *testing.T) {
	p := newProgress(io.Discard, workload{"internal/cpu": 10, "k8s.io/api/core/v1": 70, "a/b [a/b.test]": 20})
	defer p.stop()
	for _, step := range []struct{ said, line string }{
		{"", "   0 % compiled, packages to come: 3"},
		{"internal/cpu\nk8s.io/api/c", "  10 % compiled, about 9 min left"},
		{"ore/v1\n", "  80 % compiled, about 20 s left"},
		{"# a/b\nb.go:1:1: no space left", "  80 % compiled, about 20 s left"},
		{"\na/b [a/b.test]\n", "  linking, 65 s so far"},
	} {
		fmt.Fprint(p, step.said)
		if got := p.line(time.Minute); got != step.line {
			t.Errorf("after %q: %q, want %q", step.said, got, step.line)
		}
	}
	if got, want := p.messages(), "# a/b\nb.go:1:1: no space left\n"; got != want {
		t.Errorf("the messages are %q, want %q", got, want)
	}
}

func TestProgressCountsDownloads(t *testing.T) {
	p := newProgress(io.Discard, nil)
	defer p.stop()
	fmt.Fprint(p, "go: downloading k8s.io/api v0.36.3\ngo: down")
	fmt.Fprint(p, "loading k8s.io/klog/v2 v2.140.0\n")
	if got, want := p.line(time.Minute), "  2 modules downloaded"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := p.messages(); got != "" {
		t.Errorf("the messages are %q", got)
	}
}
