// Package chart holds the Helm chart to its word: the real helm renders it, a real
// API server judges what came out, and without values it is what Kustomize makes
// of config/default.
package chart

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

const root = "../.."

var cluster *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(runWithCluster(m))
}

func runWithCluster(m *testing.M) int {
	if err := buildTools(); err != nil {
		fmt.Fprintln(os.Stderr, "no tools:", err)
		return 1
	}
	home, err := os.MkdirTemp("", "helm-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(home)
	helmHome = home
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "no API server:", err)
		return 1
	}
	defer func() { _ = cluster.Stop() }()
	return m.Run()
}

// buildTools does nothing where they were built before.
func buildTools() error {
	output, err := exec.Command("make", "--no-print-directory", "-C", root, "bin/tools/helm", "bin/tools/kustomize").CombinedOutput()
	if err != nil {
		return fmt.Errorf("make: %w\n%s", err, output)
	}
	return nil
}
