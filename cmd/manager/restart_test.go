package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestANewProcessKnowsWhenItBegan runs itself as a process that begins anew, once.
func TestANewProcessKnowsWhenItBegan(t *testing.T) {
	const variable = "TEST_BEGINS_ANEW"
	if os.Getenv(variable) != "" {
		if lastRestart().IsZero() {
			t.Fatal(beginAnew(time.Unix(1_800_000_000, 0)))
		}
		t.Logf("began anew at %d", lastRestart().Unix())
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "began anew at 1800000000") {
		t.Errorf("%v\n%s", err, out)
	}
}
