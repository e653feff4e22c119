package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
	"github.com/yannh/kubeconform/pkg/validator"

	"github.com/xtracta/billing-operator/hack/process"
)

// The programs know which release they are, and are what the archives hold.
func TestTheProgramsKnowTheirVersion(t *testing.T) {
	dir := t.TempDir()
	untar := exec.CommandContext(t.Context(), "tar", "-xzf", filepath.Join(built.dist, built.version, built.pluginArchive(platform)), "-C", dir)
	if output, err := untar.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if license, err := os.ReadFile(filepath.Join(dir, "LICENSE")); err != nil || !bytes.Contains(license, []byte("Apache License")) {
		t.Errorf("the archive has no licence: %v", err)
	}
	programs, err := programsOf(filepath.Join(built.dist, built.version, built.imageArchive()))
	if err != nil || len(programs) != 2 {
		t.Fatalf("the image holds %d programs, want 2: %v", len(programs), err)
	}
	for i, name := range []string{"manager", "billing-link"} {
		if err := process.WriteProgram(filepath.Join(dir, name), programs[i]); err != nil {
			t.Fatal(err)
		}
	}
	want := built.version + " (revision " + built.revision + ", "
	for _, command := range [][]string{{"kubectl-billing", "version", "--client"}, {"manager", "--version"}, {"billing-link", "--version"}} {
		if command[0] != "kubectl-billing" && runtime.GOOS != "linux" {
			continue // the image is for Linux
		}
		output, err := exec.CommandContext(t.Context(), filepath.Join(dir, command[0]), command[1:]...).CombinedOutput()
		if err != nil || !strings.Contains(string(output), want) {
			t.Errorf("%q: %v, want %q in %s", command, err, want, output)
		}
	}
}

// Windows cannot open what Linux can, and the other way round.
func TestZippedArchives(t *testing.T) {
	at := time.Date(2026, 12, 1, 10, 20, 30, 0, time.UTC)
	content, err := archive("a.zip", []file{{"LICENSE", 0o644, []byte("text")}, {"program.exe", 0o755, []byte("code")}}, at)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(reader.File) != 2 {
		t.Fatalf("%v, %+v", err, reader)
	}
	program := reader.File[1]
	opened, err := program.Open()
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(opened)
	if err != nil || string(text) != "code" || program.Mode() != 0o755 || !program.Modified.Equal(at) {
		t.Errorf("%s holds %q with mode %s of %s, %v", program.Name, text, program.Mode(), program.Modified, err)
	}
}

// Scanners find what is inside by these documents.
func TestBillsOfMaterials(t *testing.T) {
	for artifact, modules := range map[string][]string{
		built.imageArchive():          {"stdlib", "sigs.k8s.io/controller-runtime", "golang.org/x/crypto/x509roots/fallback"},
		built.pluginArchive(platform): {"stdlib", "github.com/spf13/cobra", "k8s.io/cli-runtime"},
	} {
		t.Run(artifact, func(t *testing.T) {
			var document v2_3.Document
			if err := spdxjson.ReadInto(bytes.NewReader(files(t, built)[artifact+".spdx.json"]), &document); err != nil {
				t.Fatal(err)
			}
			if err := spdxlib.ValidateDocument(&document); err != nil {
				t.Error(err)
			}
			found := map[string]string{}
			for _, p := range document.Packages {
				for _, reference := range p.PackageExternalReferences {
					found[p.PackageName] = reference.Locator
				}
			}
			for _, module := range modules {
				if !strings.HasPrefix(found[module], "pkg:golang/"+module+"@") {
					t.Errorf("%s has the package URL %q", module, found[module])
				}
			}
			if document.CreationInfo.Created != "2009-02-13T23:31:30Z" {
				t.Errorf("it was created at %s, want the time of the commit", document.CreationInfo.Created)
			}
		})
	}
}

// Editors and pipelines judge manifests by the schema, where there is no API server.
func TestSchema(t *testing.T) {
	location := filepath.Join(built.dist, built.version, "{{.ResourceKind}}_{{.ResourceAPIVersion}}.json")
	validate, err := validator.New([]string{location}, validator.Opts{
		Strict: true, SkipKinds: map[string]struct{}{"Secret": {}}, // the sample has a key beside the session
	})
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile(filepath.Join(root, "config", "samples", "full.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const minimal = "apiVersion: billing.xtracta.com/v1alpha1\nkind: BillingSession\nmetadata: {name: acme}\nspec: {apiKeySecretRef: {name: acme}}\n"
	change := func(old, changed string) string { return strings.Replace(minimal, old, changed, 1) }
	for _, row := range []struct {
		why, manifest string
		want          validator.Status
	}{
		{"what the API server takes", minimal, validator.Valid},
		{"every field", string(sample), validator.Valid},
		{"a field that is mistyped", change("spec: {", "spec: {purgee: process, "), validator.Invalid},
		{"a mistyped field in a field", change("{name: acme}}", "{name: acme, keyy: a}}"), validator.Invalid},
		{"a word that the endpoint does not know", change("spec: {", "spec: {purge: keep, "), validator.Invalid},
		{"a life that is too long", change("spec: {", "spec: {expirationSeconds: 259201, "), validator.Invalid},
		{"a number in quotes", change("spec: {", "spec: {expirationSeconds: \"600\", "), validator.Invalid},
		{"no key", change("{apiKeySecretRef: {name: acme}}", "{}"), validator.Invalid},
		{"no specification", change("spec: {apiKeySecretRef: {name: acme}}", ""), validator.Invalid},
	} {
		t.Run(row.why, func(t *testing.T) {
			for _, result := range validate.Validate("manifest.yaml", io.NopCloser(strings.NewReader(row.manifest))) {
				if result.Status != row.want && result.Status != validator.Skipped {
					t.Errorf("status %d, want %d: %v", result.Status, row.want, result.Err)
				}
			}
		})
	}
	if !json.Valid(files(t, built)["billingsession_v1alpha1.json"]) {
		t.Error("the schema is no JSON")
	}
}
