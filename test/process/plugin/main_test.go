// Package plugin runs the real kubectl plugin as a process, against a real API
// server with the real manager and the stand-in of the endpoint.
package plugin

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

// cluster and the programs are what all tests of this package share.
var (
	cluster                 *controlplane.ControlPlane
	managerPath, pluginPath string
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
	dir, err := os.MkdirTemp("", "plugin-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-o", dir, "../../../cmd/manager", "../../../cmd/kubectl-billing")
	if out, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build the commands: %w\n%s", err, out)
	}
	managerPath, pluginPath = filepath.Join(dir, "manager"), filepath.Join(dir, "kubectl-billing")
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{CRDDirs: []string{"../../../config/crd/bases"}})
	if err != nil {
		return 0, err
	}
	defer func() { _ = cluster.Stop() }()
	return m.Run(), nil
}

// The go command cannot see what the programs are built from, and would take the
// results of older ones for today's. It sees what a test reads.
func TestSourcesOfTheProgramsAreWatched(t *testing.T) {
	folders, err := exec.Command("go", "list", "-deps", "-f", "{{if and .Module .Module.Main}}{{.Dir}}{{end}}",
		"../../../cmd/manager", "../../../cmd/kubectl-billing").Output()
	if err != nil {
		t.Fatal(err)
	}
	watched := strings.Fields(string(folders))
	for _, folder := range watched {
		if _, err := os.ReadDir(folder); err != nil {
			t.Fatal(err)
		}
	}
	if len(watched) < 2 {
		t.Errorf("only %q are watched", watched)
	}
}
