package controlplane

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestNarrator(t *testing.T) {
	n := narrate(io.Discard)
	defer n.stop()

	fmt.Fprint(n, "go: downloading k8s.io/api v0.36.3\ngo: down")
	fmt.Fprint(n, "loading k8s.io/klog/v2 v2.140.0\n")
	if line := n.line(); !strings.Contains(line, "2 modules fetched") {
		t.Errorf("after two downloads: %q", line)
	}

	n.compiling([]string{"internal/cpu", "k8s.io/api/core/v1", "k8s.io/klog/v2", "k8s.io/kubernetes/cmd/kube-apiserver"})
	fmt.Fprint(n, "internal/cpu\nk8s.io/klog/v2\nk8s.io/api/core/v1\n# k8s.io/kubernetes/cmd/kube-apiserver\nserver.go:1:1: no space left")
	if line := n.line(); !strings.Contains(line, "3 packages compiled") || !strings.Contains(line, "of 4 ") {
		t.Errorf("after three packages: %q", line)
	}
	want := "# k8s.io/kubernetes/cmd/kube-apiserver\nserver.go:1:1: no space left"
	if got := n.complaints(); got != want {
		t.Errorf("complaints are %q, want %q", got, want)
	}
}
