// Package manager runs the real manager as a process: starts, stops, kills.
package manager

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

// cluster, auditLog and managerPath are what all tests of this package share.
var (
	cluster     *controlplane.ControlPlane
	auditLog    string
	managerPath string
)

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "lifecycle-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	managerPath = filepath.Join(dir, "manager")
	build := exec.Command("go", "build", "-o", managerPath, "../../../cmd/manager")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the manager: %w\n%s", err, out)
	}
	auditLog = filepath.Join(dir, "audit.jsonl")
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{
		CRDDirs: []string{"../../../config/crd/bases"}, AuditLog: auditLog,
	})
	if err != nil {
		return 0, err
	}
	defer func() { _ = cluster.Stop() }()
	return m.Run(), nil
}
