package manager

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/env"
)

// Whoever reports a fault says which version it is of. So the log begins with it, also
// when the manager then finds no cluster, and is the version that --version prints.
func TestTheLogBeginsWithTheVersion(t *testing.T) {
	printed, err := exec.CommandContext(t.Context(), env.Program(t, "manager"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var logs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), env.Program(t, "manager"), "--kubeconfig", filepath.Join(t.TempDir(), "none"))
	cmd.Stderr = &logs
	if err := cmd.Run(); err == nil {
		t.Fatal("the manager runs without a cluster")
	}
	line, _, _ := strings.Cut(logs.String(), "\n")
	var first struct{ Msg, Version, Revision, GoVersion string }
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	if first.Msg != "starting" || first.Version == "" || first.GoVersion != runtime.Version() {
		t.Errorf("the log begins with %s", line)
	}
	for _, part := range []string{"manager " + first.Version + " ", first.Revision, first.GoVersion} {
		if !strings.Contains(string(printed), part) {
			t.Errorf("--version prints %q, and the log begins with %s", printed, line)
		}
	}
}
