package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// A test binary that is killed cannot stop its control plane, which would keep
// its ports and memory until the machine is restarted.
func TestProgramsEndWithTheirParent(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "it's data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(sleep, "3600")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	script, err := DieWithParent(dir, sleep, parent.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command(script, "3600")
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}

	_ = parent.Process.Kill()
	_ = parent.Wait()  // reports that it was killed
	_ = program.Wait() // the same, once the watcher has killed it

	err = wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist), nil
	})
	if err != nil {
		t.Error("the program's data outlived the parent")
	}
}
