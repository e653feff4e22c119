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
	"testing/fstest"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/yannh/kubeconform/pkg/validator"

	"github.com/xtracta/billing-operator/hack/image"
)

// The programs know which release they are, and are what archive and image hold.
func TestTheProgramsKnowTheirVersion(t *testing.T) {
	plugin, err := os.Open(built.file(pluginArchive))
	if err != nil {
		t.Fatal(err)
	}
	defer plugin.Close()
	dir := t.TempDir()
	untar(t, dir, plugin, "-z")
	if license, err := os.ReadFile(filepath.Join(dir, "LICENSE")); err != nil || !bytes.Contains(license, []byte("Apache License")) {
		t.Errorf("the archive has no licence: %v", err)
	}
	commands := [][]string{{"kubectl-billing", "version", "--client"}}
	if runtime.GOOS == "linux" {
		untar(t, dir, mutate.Extract(openImage(t)))
		commands = append(commands, []string{"manager", "--version"}, []string{"billing-link", "--version"})
	}
	want := built.version + " (revision " + built.revision + ", "
	for _, command := range commands {
		output, err := exec.CommandContext(t.Context(), filepath.Join(dir, command[0]), command[1:]...).CombinedOutput()
		if err != nil || !strings.Contains(string(output), want) {
			t.Errorf("%q: %v, want %q in %s", command, err, want, output)
		}
	}
}

func untar(t *testing.T, dir string, archive io.Reader, flags ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tar", append(flags, "-x", "-f", "-", "-C", dir)...)
	cmd.Stdin = archive
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// openImage opens the image for the only platform.
func openImage(t *testing.T) v1.Image {
	t.Helper()
	index, err := image.Open(t.Context(), built.file(built.imageArchive()), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	images, err := partial.FindImages(index, func(v1.Descriptor) bool { return true })
	if err != nil || len(images) != 1 {
		t.Fatalf("%d images, want 1: %v", len(images), err)
	}
	return images[0]
}

// Windows cannot open what Linux can, and the other way round.
func TestZippedArchives(t *testing.T) {
	at := time.Date(2026, 12, 1, 10, 20, 30, 0, time.UTC)
	content, err := archive("a.zip", fstest.MapFS{
		"LICENSE":     {Data: []byte("text"), Mode: 0o644, ModTime: at},
		"program.exe": {Data: []byte("code"), Mode: 0o755, ModTime: at},
	})
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
		built.imageArchive(): {"stdlib", "sigs.k8s.io/controller-runtime", "golang.org/x/crypto/x509roots/fallback"},
		pluginArchive:        {"stdlib", "github.com/spf13/cobra", "k8s.io/cli-runtime"},
	} {
		t.Run(artifact, func(t *testing.T) {
			var bill cyclonedx.BOM
			content := files(t, built)[artifact+".cdx.json"]
			if err := cyclonedx.NewBOMDecoder(bytes.NewReader(content), cyclonedx.BOMFileFormatJSON).Decode(&bill); err != nil {
				t.Fatal(err)
			}
			found := map[string]string{}
			for _, c := range *bill.Components {
				found[c.Name] = c.PackageURL
			}
			for _, module := range modules {
				if !strings.HasPrefix(found[module], "pkg:golang/"+module+"@") {
					t.Errorf("%s has the package URL %q", module, found[module])
				}
			}
			if bill.Metadata.Timestamp != "2009-02-13T23:31:30Z" {
				t.Errorf("it is of %s, want the time of the commit", bill.Metadata.Timestamp)
			}
			if whole := bill.Metadata.Component; whole.Name != artifact || (*whole.Hashes)[0].Value != digest(files(t, built)[artifact]) {
				t.Errorf("it describes %+v", whole)
			}
		})
	}
}

// What is installed tells its version, and people who look for charts see what is new.
func TestTheVersionIsThatOfTheTag(t *testing.T) {
	content := files(t, built)
	for _, want := range []string{
		"image: ghcr.io/xtracta/billing-operator:" + built.version, "app.kubernetes.io/version: " + built.version,
	} {
		if !bytes.Contains(content["install.yaml"], []byte(want)) {
			t.Errorf("install.yaml lacks %q", want)
		}
	}
	if left := developmentVersion.Find(content["install.yaml"]); left != nil {
		t.Errorf("install.yaml still has the version %s", left)
	}
	chart, err := built.command(t.Context(), "bin/tools/helm", "show", "chart", built.file(built.chart())).Output()
	for _, want := range []string{"\nversion: 9.8.7-rc.1\n", "\nappVersion: v9.8.7-rc.1\n", "description: A change of two lines.\n      kind: added\n"} {
		if err != nil || !strings.Contains("\n"+string(chart), want) {
			t.Errorf("the chart's metadata lacks %q (%v):\n%s", want, err, chart)
		}
	}
}

// Editors and pipelines judge manifests by the schema, where there is no API server.
func TestSchema(t *testing.T) {
	location := built.file("{{.ResourceKind}}_{{.ResourceAPIVersion}}.json")
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
