package gobuild

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOutput(t *testing.T) {
	got, err := Command{Env: []string{"GOFLAGS=-mod=vendor"}, Progress: io.Discard}.Output(t.Context(), "env", "GOFLAGS")
	if err != nil || got != "-mod=vendor\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestBuildFailsWithWhatTheGoCommandSays(t *testing.T) {
	err := Command{Progress: io.Discard}.Build(t.Context(), nil, "./no-such-folder")
	if err == nil || !strings.Contains(err.Error(), "no-such-folder") {
		t.Errorf("got %v", err)
	}
}

// The list of what is to be compiled names packages as the build does, or else a build
// would never be at its end.
func TestABuildCompilesWhatIsListed(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":      "module example.com/m\n\ngo 1.26.0\n",
		"a/a.go":      "package a\n\nconst A = `" + t.Name() + dir + "`\n",
		"a/a_test.go": "package a\n",
		"b/b.go":      "package b\n\nimport \"example.com/m/a\"\n\nconst B = a.A\n",
		"c/main.go":   "package main\n\nimport _ \"example.com/m/b\"\n\nfunc main() {}\n",
		"b/b_test.go": "package b_test\n\nimport _ \"example.com/m/b\"\n",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := Command{Dir: dir, Progress: io.Discard}
	before, err := c.list(t.Context(), "./c")
	if err != nil || before["example.com/m/a"] <= perPackage || before["example.com/m/b"] <= perPackage {
		t.Errorf("%v, %v: want both packages", before, err)
	}
	if err := c.Build(t.Context(), []string{"-o", filepath.Join(dir, "program")}, "./c"); err != nil {
		t.Fatal(err)
	}
	if after, err := c.list(t.Context(), "./c"); err != nil || len(after) > 0 {
		t.Errorf("%v, %v: want nothing once it is built", after, err)
	}
	if err := c.Compile(t.Context(), "./..."); err != nil {
		t.Fatal(err)
	}
	left, err := c.list(t.Context(), "-test", "./...")
	for path := range left {
		if !strings.HasSuffix(path, ".test") {
			t.Errorf("%s is not compiled", path)
		}
	}
	if err != nil {
		t.Error(err)
	}
}
