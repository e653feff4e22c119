package fetch

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/semver"
)

// root is the repository's root, seen from this folder.
const root = "../../../"

func TestOverriddenAssetsMustBeComplete(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(AssetsVariable, dir)
	_, err := Assets(t.Context(), io.Discard)
	if err == nil {
		t.Fatal("an empty folder was accepted")
	}
	for _, part := range []string{AssetsVariable, dir, "point it at a folder that holds etcd and kube-apiserver, or unset it"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}

	writePrograms(t, dir)
	if got, err := Assets(t.Context(), io.Discard); got != dir || err != nil {
		t.Errorf("got %q, %v, want the folder that the variable names", got, err)
	}
}

// Test packages run concurrently, each in a process of its own.
func TestOneOfManyCallersFillsTheCache(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	var (
		filled  atomic.Int32
		callers sync.WaitGroup
	)
	for range 8 {
		callers.Go(func() {
			err := ensure(t.Context(), cache, io.Discard, func(dir string) error {
				filled.Add(1)
				writePrograms(t, dir)
				return nil
			})
			if err := errors.Join(err, checkPrograms(cache)); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if n := filled.Load(); n != 1 {
		t.Errorf("the cache was filled %d times, want once", n)
	}
}

func TestFailureLeavesNoIncompleteCache(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	broken := errors.New("no space left")
	err := ensure(t.Context(), cache, io.Discard, func(dir string) error {
		return errors.Join(os.WriteFile(filepath.Join(dir, programs[0]), nil, 0o755), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the cause", err)
	}
	if left, _ := filepath.Glob(cache + "*"); len(left) != 1 || left[0] != cache+".lock" {
		t.Errorf("left behind: %q, want the lock alone", left)
	}
	err = ensure(t.Context(), cache, io.Discard, func(dir string) error { writePrograms(t, dir); return nil })
	if err := errors.Join(err, checkPrograms(cache)); err != nil {
		t.Errorf("the next caller cannot fill the cache: %v", err)
	}
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	unlock, err := lock(t.Context(), cache+".lock", io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = ensure(ctx, cache, io.Discard, func(string) error { t.Error("filled without the lock"); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// A build must give the release that a download gives, and Kubernetes' staging modules must
// come from the same release as Kubernetes.
func TestOneVersionOfKubernetes(t *testing.T) {
	tools := readModule(t, root+"hack/tools/go.mod")
	kubernetes := required(tools, "k8s.io/kubernetes")
	if semver.MajorMinor(kubernetes) != "v"+KubernetesVersion {
		t.Errorf("hack/tools/go.mod builds k8s.io/kubernetes %s, want a release of %s", kubernetes, KubernetesVersion)
	}
	staging := strings.Replace(kubernetes, "v1.", "v0.", 1)
	for _, r := range tools.Replace {
		if r.New.Version != staging {
			t.Errorf("hack/tools/go.mod replaces %s by %s, want %s", r.Old.Path, r.New.Version, staging)
		}
	}
}

// The build cache knows a package by its compiler and its dependencies. A module without the
// toolchain line is compiled by another compiler where the machine's Go is older. A single
// small module in two versions, under client-go, has hundreds of packages compiled twice.
func TestEachLibraryIsCompiledOnce(t *testing.T) {
	operator := readModule(t, root+"go.mod")
	for _, path := range goModules(t) {
		module := readModule(t, root+path)
		if module.Toolchain == nil || module.Toolchain.Name != operator.Toolchain.Name {
			t.Errorf("%s needs the operator's line: toolchain %s", path, operator.Toolchain.Name)
		}
		// What the nightly run alone compiles has the Kubernetes that Argo CD and Flux were released with.
		if strings.HasPrefix(path, "test/gitops/") || required(module, "k8s.io/apimachinery") == "" {
			continue
		}
		for _, r := range operator.Require {
			if other := required(module, r.Mod.Path); other != "" && other != r.Mod.Version {
				t.Errorf("run in %s: go get %s (it has %s)", filepath.Dir(path), r.Mod, other)
			}
		}
	}
}

// goModules returns the path of each go.mod of the repository.
func goModules(t *testing.T) []string {
	t.Helper()
	output, err := exec.Command("git", "-C", root, "ls-files", "go.mod", "*/go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(output))
}

func readModule(t *testing.T, path string) *modfile.File {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse(path, content, nil)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// required returns the version of a module that go.mod requires, or that it has instead.
func required(file *modfile.File, path string) string {
	for _, r := range file.Replace {
		if r.Old.Path == path {
			return r.New.Version
		}
	}
	for _, r := range file.Require {
		if r.Mod.Path == path {
			return r.Mod.Version
		}
	}
	return ""
}

func writePrograms(t *testing.T, dir string) {
	for _, program := range programs {
		if err := os.WriteFile(filepath.Join(dir, program), nil, 0o755); err != nil {
			t.Error(err)
		}
	}
}
