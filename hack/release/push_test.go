package main

import (
	"bytes"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// A registry on loopback gets what the world's would. That the chart can be installed shows in
// test/manifests.
func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(&bytes.Buffer{}, "", 0))))
	defer server.Close()
	registry := strings.TrimPrefix(server.URL, "http://") + "/team"
	if err := built.push(t.Context(), registry); err != nil {
		t.Fatal(err)
	}
	pushed, err := os.ReadFile(filepath.Join(built.dist, "pushed-"+built.version+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	references := strings.Fields(string(pushed))
	if len(references) != 2 || !strings.HasPrefix(references[0], registry+"/billing-operator@sha256:") ||
		!strings.HasPrefix(references[1], registry+"/charts/billing-operator@sha256:") {
		t.Fatalf("pushed %q", references)
	}
	t.Run("image", func(t *testing.T) { expectImage(t, references[0], registry+"/billing-operator:"+built.version) })
	t.Run("chart", func(t *testing.T) { expectChart(t, registry) })
	t.Run("again", func(t *testing.T) {
		if err := built.push(t.Context(), registry); err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(filepath.Join(built.dist, "pushed-"+built.version+".txt")); err != nil || !bytes.Equal(again, pushed) {
			t.Errorf("the second push gave %s, the first %s (%v)", again, pushed, err)
		}
	})
}

// expectImage checks the image under its digest, which is also what the tag names.
func expectImage(t *testing.T, byDigest, byTag string) {
	reference, err := name.NewDigest(byDigest)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(reference, remote.WithContext(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	tag, err := name.NewTag(byTag)
	if err != nil {
		t.Fatal(err)
	}
	tagged, err := remote.Head(tag, remote.WithContext(t.Context()))
	if err != nil || tagged.Digest.String() != reference.DigestStr() {
		t.Errorf("the tag names %+v, want %s: %v", tagged, byDigest, err)
	}
}

// expectChart holds that the registry gives the chart that was released.
func expectChart(t *testing.T, registry string) {
	dir := t.TempDir()
	helm(t, "pull", "oci://"+registry+"/charts/billing-operator", "--version", strings.TrimPrefix(built.version, "v"),
		"--plain-http", "--destination", dir)
	pulled, err := os.ReadFile(filepath.Join(dir, built.chart()))
	if err != nil || !bytes.Equal(pulled, files(t, built)[built.chart()]) {
		t.Errorf("helm pulls another chart than was released: %v", err)
	}
}

// helm runs Helm with folders of its own.
func helm(t *testing.T, args ...string) {
	t.Helper()
	home := t.TempDir()
	cmd := built.command(t.Context(), "bin/tools/helm", args...)
	cmd.Stderr = nil
	cmd.Env = append(os.Environ(), "HOME="+home, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("helm %s: %v\n%s", args[0], err, output)
	}
}

// What is not built cannot be pushed, nor to nowhere.
func TestPushNamesTheCure(t *testing.T) {
	for _, row := range []struct{ version, registry, want string }{
		{built.version, "", "make push REGISTRY="},
		{"v99.0.0", "registry.example.com/team", "make release VERSION="},
		{"", "registry.example.com/team", "make release VERSION="},
	} {
		r := &release{root: built.root, dist: built.dist, version: row.version}
		if err := r.push(t.Context(), row.registry); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: got %v", row, err)
		}
	}
}
