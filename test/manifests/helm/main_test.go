// Package helm holds the Helm chart to its word: the real helm renders it, a real
// API server judges what came out, and without values it is what Kustomize makes
// of config/default.
package helm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

const root = "../../.."

var (
	cluster     *controlplane.ControlPlane
	managerPath string
)

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
	helmHome, managerPath = home, filepath.Join(home, "manager")
	if said, err := exec.Command("go", "build", "-o", managerPath, "../../../cmd/manager").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "no manager: %v\n%s", err, said)
		return 1
	}
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
