//go:build long

package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/xtracta/billing-operator/hack/process"
)

// build runs the command. It returns the file that it wrote and its output.
func build(t *testing.T, root string, args ...string) (file, printed string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "dist", "image.tar")
	var out strings.Builder
	must(t, run(t.Context(), append([]string{"-o", file}, args...), "1000000000", root, &out))
	return file, out.String()
}

func TestSameSourcesGiveTheSameBytes(t *testing.T) {
	first, _ := build(t, newTree(t))
	second, _ := build(t, newTree(t)) // in another folder, and later
	if !bytes.Equal(read(t, first), read(t, second)) {
		t.Error("two builds of the same sources differ")
	}
}

func TestEachPlatformHoldsItsServersAndNothingElse(t *testing.T) {
	file, printed := build(t, newTree(t), "--revision=abc")
	index, named := unpack(t, file)
	digest, err := index.Digest()
	must(t, err)
	if want := "registry.example.com:5000/operator:v9@" + digest.String() + "\n"; printed != want {
		t.Errorf("printed %q, want %q", printed, want)
	}
	if got := named.Annotations["io.containerd.image.name"]; got != "registry.example.com:5000/operator:v9" {
		t.Errorf("containerd would name it %q", got)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	must(t, err)
	machines := map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64}
	if len(manifest.Manifests) != len(machines) {
		t.Errorf("there are %d images, want %d", len(manifest.Manifests), len(machines))
	}
	for _, entry := range manifest.Manifests {
		image, err := index.Image(entry.Digest)
		must(t, err)
		t.Run(entry.Platform.String(), func(t *testing.T) {
			checkConfig(t, image, *entry.Platform)
			checkLayers(t, image, machines[entry.Platform.String()])
		})
	}
}

func checkConfig(t *testing.T, image v1.Image, platform v1.Platform) {
	t.Helper()
	config, err := image.ConfigFile()
	must(t, err)
	if got := config.Platform().String(); got != platform.String() {
		t.Errorf("the image claims to be for %s", got)
	}
	want := v1.Config{
		User: "65532:65532", Entrypoint: []string{"/manager"}, WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":       "billing-operator",
			"org.opencontainers.image.description": "Keeps temporary URLs of Xtracta's billing page at hand, declared as BillingSessions",
			"org.opencontainers.image.source":      "https://github.com/xtracta/billing-operator",
			"org.opencontainers.image.vendor":      "Xtracta",
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.version":     "v9",
			"org.opencontainers.image.revision":    "abc",
			"org.opencontainers.image.created":     "2001-09-09T01:46:40Z",
		},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("the config (-want +got):\n%s", diff)
	}
	manifest, err := image.Manifest()
	must(t, err)
	if diff := cmp.Diff(want.Labels, manifest.Annotations); diff != "" {
		t.Errorf("registries show annotations, which differ from the labels (-label +annotation):\n%s", diff)
	}
	if manifest.MediaType != types.OCIManifestSchema1 ||
		manifest.Config.MediaType != types.OCIConfigJSON || manifest.Layers[0].MediaType != types.OCILayer {
		t.Errorf("not all media types are OCI's: %+v", manifest)
	}
}

// checkLayers checks that each layer holds one static program, which everybody may read
// and only root could change.
func checkLayers(t *testing.T, image v1.Image, machine elf.Machine) {
	t.Helper()
	var names []string
	for _, file := range files(t, image) {
		names = append(names, file.header.Name)
		if h := file.header; h.Mode != 0o755 || h.Uid != 0 || h.Gid != 0 || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s has mode %o, owner %d:%d, time %s", h.Name, h.Mode, h.Uid, h.Gid, h.ModTime)
		}
		parsed, err := elf.NewFile(bytes.NewReader(file.content))
		must(t, err)
		if parsed.Machine != machine {
			t.Errorf("%s is for %s, want %s", file.header.Name, parsed.Machine, machine)
		}
		if parsed.Section(".interp") != nil || parsed.Section(".dynamic") != nil {
			t.Errorf("%s needs libraries, which the image does not have", file.header.Name)
		}
	}
	if diff := cmp.Diff([]string{"manager", "billing-link"}, names); diff != "" {
		t.Errorf("the programs (-want +got):\n%s", diff)
	}
}

// A Docker engine without containerd's image store reads manifest.json.
func TestASinglePlatformMakesADockerArchive(t *testing.T) {
	file, printed := build(t, newTree(t), "--platform=linux/arm64")
	image, err := tarball.ImageFromPath(file, nil)
	must(t, err)
	if err := validate.Image(image); err != nil {
		t.Error(err)
	}
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(file) })
	must(t, err)
	if diff := cmp.Diff([]string{"registry.example.com:5000/operator:v9"}, manifest[0].RepoTags); diff != "" {
		t.Errorf("the tags (-want +got):\n%s", diff)
	}
	_, named := unpack(t, file)
	if !strings.HasSuffix(printed, "@"+named.Digest.String()+"\n") {
		t.Errorf("printed %q, but the archive holds %s", printed, named.Digest)
	}
}

// Tests run programs of their own in clusters.
func TestAnImageOfOtherPrograms(t *testing.T) {
	file, _ := build(t, newTree(t), "--platform=linux/arm64", "--name=example.com/tools:v1", "./tools/probe", "./cmd/billing-link")
	image, err := tarball.ImageFromPath(file, nil)
	must(t, err)
	var names []string
	for _, file := range files(t, image) {
		names = append(names, file.header.Name)
	}
	if diff := cmp.Diff([]string{"probe", "billing-link"}, names); diff != "" {
		t.Errorf("the programs (-want +got):\n%s", diff)
	}
	config, err := image.ConfigFile()
	must(t, err)
	if diff := cmp.Diff([]string{"/probe"}, config.Config.Entrypoint); diff != "" {
		t.Errorf("the entrypoint (-want +got):\n%s", diff)
	}
	if title, given := config.Config.Labels["org.opencontainers.image.title"]; given {
		t.Errorf("it has the title %s", title)
	}
}

func TestTheOperatorRunsFromItsImage(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("images hold programs for Linux")
	}
	file, _ := build(t, filepath.Join("..", ".."), "--platform=linux/"+runtime.GOARCH,
		"--name=registry.example.com:5000/operator:v0.3.0-rc.1", "--revision=0123abc")
	image, err := tarball.ImageFromPath(file, nil)
	must(t, err)
	manager := filepath.Join(t.TempDir(), "manager")
	must(t, process.WriteProgram(manager, files(t, image)[0].content))
	for arg, want := range map[string]string{"--help": "--endpoint-url", "--version": "manager v0.3.0-rc.1 (revision 0123abc, "} {
		cmd := exec.CommandContext(t.Context(), manager, arg)
		cmd.Env = []string{} // as in the image
		output, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(output), want) {
			t.Errorf("manager %s: %v, want %q in\n%s", arg, err, want, output)
		}
	}
}

type file struct {
	header  *tar.Header
	content []byte
}

// files returns the files of all layers, in order.
func files(t *testing.T, image v1.Image) (found []file) {
	t.Helper()
	layers, err := image.Layers()
	must(t, err)
	for _, layer := range layers {
		archive, err := layer.Uncompressed()
		must(t, err)
		found = append(found, untar(t, archive)...)
		if err := archive.Close(); err != nil {
			t.Error(err)
		}
	}
	return found
}

func untar(t *testing.T, archive io.Reader) (found []file) {
	t.Helper()
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		must(t, err)
		content, err := io.ReadAll(reader)
		must(t, err)
		found = append(found, file{header, content})
	}
}

// unpack reads a file as an OCI layout. It returns the only entry of the layout's index
// and, if that entry is an index, its content.
func unpack(t *testing.T, name string) (v1.ImageIndex, v1.Descriptor) {
	t.Helper()
	dir := t.TempDir()
	for _, file := range untar(t, bytes.NewReader(read(t, name))) {
		path := filepath.Join(dir, filepath.FromSlash(file.header.Name))
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, file.content, 0o600))
	}
	top, err := layout.ImageIndexFromPath(dir)
	must(t, err)
	manifest, err := top.IndexManifest()
	must(t, err)
	if len(manifest.Manifests) != 1 {
		t.Fatalf("the layout names %d images, want 1", len(manifest.Manifests))
	}
	named := manifest.Manifests[0]
	if !named.MediaType.IsIndex() {
		return nil, named
	}
	index, err := top.ImageIndex(named.Digest)
	must(t, err)
	return index, named
}
