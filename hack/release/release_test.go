package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const root = "../.."

const version = "v9.8.7-rc.1"

var (
	// platform is the only one that the tests build for, to be short.
	platform      = runtime.GOOS + "/" + runtime.GOARCH
	pluginArchive = "kubectl-billing_" + version + "_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"
)

// built is a release of the sources as they are, which all tests look at.
var built *release

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "release-")
		if err == nil {
			defer os.RemoveAll(dir)
			built, err = buildFrom(context.Background(), filepath.Join(dir, "repository"), time.Now())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// buildFrom makes a release from a copy of the sources whose files are as old as told.
func buildFrom(ctx context.Context, folder string, modified time.Time) (*release, error) {
	if err := copySources(ctx, folder, modified); err != nil {
		return nil, err
	}
	r := &release{
		root: folder, dist: filepath.Join(folder, "dist"), version: version,
		platforms: []string{platform}, imagePlatforms: []string{"linux/" + runtime.GOARCH},
	}
	return r, r.build(ctx)
}

// copySources makes a repository with one commit of the files that are neither ignored nor
// deleted here.
func copySources(ctx context.Context, folder string, modified time.Time) error {
	here := &release{root: root}
	list, err := here.git(ctx, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(strings.TrimRight(list, "\x00"), "\x00") {
		if err := copyFile(name, filepath.Join(folder, name), modified); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	tools, err := filepath.Abs(filepath.Join(root, "bin", "tools"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(folder, "bin"), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(tools, filepath.Join(folder, "bin", "tools")); err != nil {
		return err
	}
	return commit(folder)
}

func copyFile(name, target string, modified time.Time) error {
	from := filepath.Join(root, name)
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target, content, info.Mode().Perm()); err != nil {
		return err
	}
	return os.Chtimes(target, modified, modified)
}

// commit commits all files, with notes for the version.
func commit(folder string) error {
	changelog, err := os.OpenFile(filepath.Join(folder, "CHANGELOG.md"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(changelog, "\n## %s\n\n### Added\n\n- A change\n  of two lines.\n", strings.TrimPrefix(version, "v"))
	if err := changelog.Close(); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "--all"}, {"commit", "--quiet", "--message", "all"}} {
		cmd := exec.Command("git", append([]string{"-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=1234567890 +0000", "GIT_AUTHOR_DATE=1234567890 +0000")
		if output, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", args[0], err, output)
		}
	}
	return nil
}

// files returns the content of a release by the names of its files.
func files(t *testing.T, r *release) map[string][]byte {
	t.Helper()
	folder := filepath.Join(r.dist, r.version)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	for _, entry := range entries {
		if content[entry.Name()], err = os.ReadFile(filepath.Join(folder, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

// Whoever does not trust a release builds it again, elsewhere and later.
func TestTheSameCommitGivesTheSameBytes(t *testing.T) {
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("GOFLAGS", "-buildvcs=true")
	t.Setenv("GOAMD64", "v2")
	folder := filepath.Join(t.TempDir(), "at", "another", "path of another length")
	again, err := buildFrom(t.Context(), folder, time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	first, second := files(t, built), files(t, again)
	for name, content := range first {
		if !bytes.Equal(content, second[name]) {
			t.Errorf("%s differs: %d and %d bytes", name, len(content), len(second[name]))
		}
	}
	if len(first) != len(second) {
		t.Errorf("there are %d and %d files", len(first), len(second))
	}
}

func TestTheFilesOfARelease(t *testing.T) {
	want := []string{
		"RELEASE-NOTES.md", checksums, "billing-operator-" + strings.TrimPrefix(built.version, "v") + ".tgz",
		"billing-operator_" + built.version + "_image.tar", "billing-operator_" + built.version + "_image.tar.cdx.json",
		"billing.yaml", "billingsession_v1alpha1.json", "install.yaml", pluginArchive, pluginArchive + ".cdx.json",
	}
	content := files(t, built)
	for _, name := range want {
		if len(content[name]) == 0 {
			t.Errorf("%s is missing", name)
		}
	}
	for name, text := range content {
		if !slices.Contains(want, name) {
			t.Errorf("%s is not expected", name)
		}
		if bytes.Contains(text, []byte(built.root)) {
			t.Errorf("%s names the folder in which it was built", name)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "--quiet", checksums)
	cmd.Dir = filepath.Join(built.dist, built.version)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, output)
	}
	if lines := bytes.Count(content[checksums], []byte("\n")); lines != len(want)-1 {
		t.Errorf("%s has %d lines, want one for each other file", checksums, lines)
	}
}

// Each refusal names its cure.
func TestWhatCannotBeReleased(t *testing.T) {
	for _, row := range []struct {
		why, version string
		change       func(t *testing.T)
		want         string
	}{
		{"nobody said which version", "", nil, "make release VERSION=v"},
		{"Helm and semver know versions of three numbers only", "v0.2", nil, "make release VERSION=v"},
		{"a label and an image's tag may have no plus", "v0.2.0+build", nil, "make release VERSION=v"},
		{"a change that is in no commit could not be built again", built.version, func(t *testing.T) {
			file := filepath.Join(built.root, "cmd", "new.go")
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Remove(file) })
		}, "cmd/new.go"},
		{"one version would have two contents", built.version, func(t *testing.T) {
			other := &release{root: built.root}
			tree, err := other.git(t.Context(), "-c", "user.name=test", "-c", "user.email=test@example.com",
				"commit-tree", "-m", "other", "HEAD^{tree}")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := other.git(t.Context(), "tag", built.version, tree); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = exec.Command("git", "-C", built.root, "tag", "--delete", built.version).Run() })
		}, "choose another version"},
	} {
		t.Run(row.why, func(t *testing.T) {
			if row.change != nil {
				row.change(t)
			}
			r := &release{root: built.root, version: row.version}
			if err := r.identify(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestNotes(t *testing.T) {
	const changelog = "# Changelog\n\n## Unreleased\n\n- Later.\n\n## [0.10.0] - 2027-01-01\n\n### Added\n\n- Ten.\n\n## 0.1.0 – 2026-12-01\n\n- One.\n\n[0.10.0]: https://example.com\n"
	for version, want := range map[string]string{"v0.10.0": "### Added\n\n- Ten.\n", "v0.1.0": "- One.\n", "v0.3.0-rc.1": "- Later.\n"} {
		if got, err := notesOf(changelog, version); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
	}
	if _, err := notesOf(changelog, "v0.2.0"); err == nil || !strings.Contains(err.Error(), "## 0.2.0") {
		t.Errorf("a version without notes: %v", err)
	}
}
