package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLogTail(t *testing.T) {
	for _, row := range []struct {
		why, log string
		want     []string
	}{
		{"only the end explains a failure", "one\ntwo\nthree\n", []string{"two", "three"}},
		{"a short log is shown whole", "one\n", []string{"one"}},
		{"an empty log has no empty line", "\n", nil},
	} {
		path := filepath.Join(t.TempDir(), "a.log")
		if err := os.WriteFile(path, []byte(row.log), 0o600); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, LogTail(path, 2)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
	if got := LogTail(filepath.Join(t.TempDir(), "absent.log"), 2); got != nil {
		t.Errorf("a program that wrote no log has the lines %q", got)
	}
}
