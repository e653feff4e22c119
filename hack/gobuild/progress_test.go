package gobuild

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestProgressWriter(t *testing.T) {
	p := newProgressWriter(io.Discard, 4)
	defer p.stop()

	if line := p.line(); !strings.Contains(line, "still building") {
		t.Errorf("before the first line: %q", line)
	}
	fmt.Fprint(p, "go: downloading k8s.io/api v0.36.3\ngo: down")
	fmt.Fprint(p, "loading k8s.io/klog/v2 v2.140.0\n")
	if line := p.line(); !strings.Contains(line, "2 modules downloaded") {
		t.Errorf("after two downloads: %q", line)
	}

	fmt.Fprint(p, "internal/cpu\nk8s.io/klog/v2\nk8s.io/api/core/v1\n# k8s.io/kubernetes/cmd/kube-apiserver\nserver.go:1:1: no space left")
	if line := p.line(); !strings.Contains(line, "3 of at most 4 packages compiled") {
		t.Errorf("after three packages: %q", line)
	}
	want := "# k8s.io/kubernetes/cmd/kube-apiserver\nserver.go:1:1: no space left"
	if got := p.stderr(); got != want {
		t.Errorf("the messages are %q, want %q", got, want)
	}
}

func TestProgressWriterWithoutATotal(t *testing.T) {
	p := newProgressWriter(io.Discard, 0)
	defer p.stop()
	fmt.Fprint(p, "internal/cpu\n")
	if line := p.line(); !strings.Contains(line, " 1 packages compiled") {
		t.Errorf("after one package: %q", line)
	}
}
