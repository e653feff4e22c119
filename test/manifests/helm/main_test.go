// Package helm holds the Helm chart to its word: the real helm renders it, a real
// API server judges what came out, and without values it is what Kustomize makes
// of config/default.
package helm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

func cluster(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	return env.BareCluster(t, func(context.Context, *controlplane.ControlPlane) error { return nil })
}

// pinned is the path of helm, which is built where that was not done before.
var pinned = sync.OnceValues(func() (path string, err error) {
	output, err := exec.Command("make", "--no-print-directory", "-C", env.Path(), "bin/tools/helm").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("make: %w\n%s", err, output)
	}
	return env.Path("bin", "tools", "helm"), err
})

// appVersion is the tag of the image that the chart deploys.
var appVersion = sync.OnceValue(func() string {
	content, err := os.ReadFile(env.Path("config", "chart", "Chart.yaml"))
	if err != nil {
		panic(err)
	}
	_, rest, _ := strings.Cut(string(content), "\nappVersion: ")
	version, _, _ := strings.Cut(rest, "\n")
	return version
})
