package architecture_test

import (
	"slices"
	"strings"
	"testing"
)

// The top level is the first thing that a newcomer reads. Documents stand beside what they
// describe.
func TestTopLevel(t *testing.T) {
	expected := []string{
		"api", "controllers", "config", "cmd", "hack", "test",
		"PROJECT", "Makefile", "go.mod", "go.sum",
		"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "LICENSE", "Dockerfile",
	}
	tracked, err := run("git", "ls-files", "--full-name", ":/")
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	watch(t, "../..")
	for path := range strings.Lines(string(tracked)) {
		name, _, _ := strings.Cut(strings.TrimSpace(path), "/")
		if !strings.HasPrefix(name, ".") && !slices.Contains(expected, name) {
			t.Errorf("%s is at the top level; find it a place in one of %q", name, expected)
		}
	}
}
