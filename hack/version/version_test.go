package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// places are the ways in which the version is written, each with one version.
var places = map[string]string{
	"config/manager/kustomization.yaml":       "images:\n- name: manager\n  newName: ghcr.io/xtracta/billing-operator\n  newTag: v0.1.0\n",
	"config/samples/link/kustomization.yaml":  "images:\n- name: manager\n  newName: ghcr.io/xtracta/billing-operator\n  newTag: v0.1.0\n",
	"config/crd/kustomization.yaml":           "      labels:\n        app.kubernetes.io/version: v0.1.0\n",
	"config/chart/Chart.yaml":                 "name: billing-operator\ndescription: It does.\ntype: application\nversion: 0.1.0\n",
	"config/chart/other.yaml":                 "appVersion: v0.1.0\n",
	"config/chart/README.md":                  "dependencies:\n- name: billing-operator\n  version: 0.1.0\n  repository: oci://ghcr.io/xtracta/charts\n",
	"config/flux/together/kustomization.yaml": "#   https://github.com/xtracta/billing-operator//config/default?ref=v0.1.0\n",
	"config/flux/operator/helm.yaml":          "  url: oci://ghcr.io/xtracta/charts/billing-operator # or yours\n  ref:\n    tag: 0.1.0\n",
	"config/flux/operator/kustomize.yaml":     "  url: https://github.com/xtracta/billing-operator\n  ref:\n    tag: v0.1.0\n",
	"config/flux/operator/images.yaml":        "    newName: registry.example.com/billing-operator\n    newTag: v0.1.0\n",
	"config/argocd/operator/helm.yaml":        "    chart: billing-operator\n    targetRevision: 0.1.0\n",
	"config/argocd/operator/kustomize.yaml":   "    repoURL: https://github.com/xtracta/billing-operator\n    targetRevision: v0.1.0\n",
	"config/README.md":                        "helm install billing-operator oci://ghcr.io/xtracta/charts/billing-operator --version 0.1.0\n",
	"SECURITY.md":                             "cosign verify ghcr.io/xtracta/billing-operator:v0.1.0\n",
	"README.md":                               "curl -LO https://github.com/xtracta/billing-operator/releases/download/v0.1.0/install.yaml\n",
	"hack/README.md":                          "helm pull oci://registry.example.com/charts/billing-operator:0.1.0\n",
	"cmd/kubectl-billing/README.md":           "go install github.com/xtracta/billing-operator/cmd/kubectl-billing@v0.1.0\n",
}

// others are files in which the version is not ours, or not today's.
var others = map[string]string{
	"CHANGELOG.md":               "docker pull ghcr.io/xtracta/billing-operator:v0.1.0\n",
	"go.mod":                     "require example.com/other v0.1.0\n",
	"test/chart/options_test.go": "ghcr.io/xtracta/billing-operator:v0.1.0\n",
	"config/grafana/other.yaml":  "image: registry.example.com/grafana:v0.1.0\n",
}

func newTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, files := range []map[string]string{places, others} {
		for name, text := range files {
			write(t, filepath.Join(dir, name), text)
		}
	}
	git(t, dir, "init", "--quiet")
	git(t, dir, "add", "--all")
	return dir
}

func TestOneThatDiffersIsFound(t *testing.T) {
	for name, text := range places {
		t.Run(name, func(t *testing.T) {
			dir := newTree(t)
			if err := run(t.Context(), dir, []string{"check"}, io.Discard); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, name), strings.ReplaceAll(text, "0.1.0", "0.1.1-rc.1"))
			err := run(t.Context(), dir, []string{"check"}, io.Discard)
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "make bump VERSION=v0.1.") {
				t.Errorf("got %v, want the file and the cure", err)
			}
		})
	}
}

func TestSetWritesAllPlacesAndNoOther(t *testing.T) {
	dir := newTree(t)
	for _, version := range []string{"v0.2.0-rc.1", "v0.2.0", "v10.20.30"} { // from each to the next
		if err := run(t.Context(), dir, []string{"set", version}, io.Discard); err != nil {
			t.Fatal(err)
		}
		for name, text := range places {
			want := strings.ReplaceAll(text, "0.1.0", strings.TrimPrefix(version, "v"))
			if got := read(t, filepath.Join(dir, name)); got != want {
				t.Errorf("%s of %s is %q, want %q", name, version, got, want)
			}
		}
		for name, want := range others {
			if got := read(t, filepath.Join(dir, name)); got != want {
				t.Errorf("%s became %q", name, got)
			}
		}
	}
}

func TestSetTakesOnlyVersions(t *testing.T) {
	for _, version := range []string{"0.2.0", "v0.2", "v0.2.0+build", "latest", ""} {
		if err := run(t.Context(), newTree(t), []string{"set", version}, io.Discard); err == nil || !strings.Contains(err.Error(), "v0.2.0") {
			t.Errorf("%q: got %v", version, err)
		}
	}
}

// A place that is moved or written in another way would be left behind without a word.
func TestTheRepositoryHasItsPlaces(t *testing.T) {
	found, err := find(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]int{
		"config/manager/kustomization.yaml":         2, // tag and label
		"config/crd/kustomization.yaml":             1,
		"config/samples/link/kustomization.yaml":    1,
		"config/chart/Chart.yaml":                   2,
		"config/chart/README.md":                    1,
		"config/argocd/together/kustomization.yaml": 1,
		"config/flux/together/kustomization.yaml":   1,
		"config/flux/operator/helm.yaml":            1,
		"config/flux/operator/kustomize.yaml":       2, // source and image
		"config/argocd/operator/helm.yaml":          1,
		"config/argocd/operator/kustomize.yaml":     2, // source and image
	} {
		got := len(slices.DeleteFunc(slices.Clone(found), func(p place) bool { return p.file != file }))
		if got != want {
			t.Errorf("%s has the version in %d places, want %d", file, got, want)
		}
	}
	current, err := authority(found)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(found, current); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v\n%s", args[0], err, output)
	}
}
