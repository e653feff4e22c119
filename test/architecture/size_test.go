package architecture_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The shell knows every room, so whatever has no place elsewhere ends up in it. A file that
// is too long for one reading has more than one reason to change.
func TestFilesOfTheShellAreShort(t *testing.T) {
	const maxLines = 300
	paths, err := filepath.Glob("../../controllers/*.go")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of the shell: %v", err)
	}
	watch(t, "../../controllers")
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(text, []byte("\n")); lines > maxLines {
			t.Errorf("controllers/%s has %d lines, %d at most; split it by what it is about", filepath.Base(path), lines, maxLines)
		}
	}
}
