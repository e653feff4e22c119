// Package prometheus holds what people see of the operator through Prometheus to its word:
// metrics, alerts and the dashboard, by a real Prometheus that scrapes the real manager.
package prometheus

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

const root = "../.."

// cluster and managerPath are there once a test asked for them.
var (
	cluster     *controlplane.ControlPlane
	managerPath string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	code, err := runWithCluster(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWithCluster(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "prometheus-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	managerPath = filepath.Join(dir, "manager")
	build := exec.Command("go", "build", "-o", managerPath, "./cmd/manager")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the manager: %w\n%s", err, output)
	}
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{
		CRDDirs: []string{filepath.Join(root, "config", "crd", "bases")},
	})
	if err != nil {
		return 0, fmt.Errorf("no API server: %w", err)
	}
	defer func() { _ = cluster.Stop() }()
	return m.Run(), nil
}

// installed says what keeps Prometheus from being on this machine; empty when it is there.
var installed = sync.OnceValue(func() string {
	output, err := exec.Command("./install-prometheus.sh").CombinedOutput()
	if err == nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
})

// needPrometheus skips the test where there is no Prometheus and none can be had.
func needPrometheus(t *testing.T) {
	t.Helper()
	if lacking := installed(); lacking != "" {
		t.Skipf("without Prometheus: %s", lacking)
	}
}
