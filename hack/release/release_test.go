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
		folder, err := os.MkdirTemp("", "release-")
		if err == nil {
			defer os.RemoveAll(folder)
			built, err = buildFrom(context.Background(), copySources, folder)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// copySources makes a repository with one commit of the files that are not ignored here, with
// notes for the version.
const copySources = `
git ls-files -z --cached --others --exclude-standard --deduplicate | tar --null -T - -cf - | tar -xf - -C "$0"
cd "$0"
printf '\n## 9.8.7-rc.1\n\n### Added\n\n- A change\n  of two lines.\n' >> CHANGELOG.md
git init --quiet
git add --all
export GIT_COMMITTER_DATE='1234567890 +0000' GIT_AUTHOR_DATE='1234567890 +0000'
git -c user.name=test -c user.email=test@example.com commit --quiet --message all`

// buildFrom makes a release in an empty folder, which a script fills with the sources.
func buildFrom(ctx context.Context, script, folder string) (*release, error) {
	const linkTools = `mkdir "$0/bin"; ln -s "$PWD/bin/tools" "$0/bin/tools"`
	cmd := exec.CommandContext(ctx, "sh", "-ec", "("+script+")\n"+linkTools, folder)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	r := &release{
		root: folder, dist: filepath.Join(folder, "dist"), version: version,
		platforms: []string{platform}, imagePlatforms: []string{"linux/" + runtime.GOARCH},
	}
	return r, r.build(ctx)
}

// files returns the content of a release by the names of its files.
func files(t *testing.T, r *release) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(r.file(""))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string][]byte{}
	for _, entry := range entries {
		if content[entry.Name()], err = os.ReadFile(r.file(entry.Name())); err != nil {
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
	folder := filepath.Join(t.TempDir(), "a path of another length")
	again, err := buildFrom(t.Context(), "git clone --quiet '"+built.root+"' \"$0\"", folder)
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
	cmd.Dir = built.file("")
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
			tree, err := built.git(t.Context(), "-c", "user.name=test", "-c", "user.email=test@example.com",
				"commit-tree", "-m", "other", "HEAD^{tree}")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := built.git(t.Context(), "tag", built.version, tree); err != nil {
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
