//go:build long

package image

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

const name = "registry.example.com:5000/operator:v9"

// spec is that of an image of minimal commands.
func spec(t *testing.T) Spec {
	return Spec{
		Root: newTree(t), Packages: Servers, Platforms: []string{"linux/amd64", "linux/arm64"}, Name: name,
		Revision: "abc", Created: time.Unix(1000000000, 0),
	}
}

func build(t *testing.T, spec Spec) *Image {
	t.Helper()
	built, err := Build(t.Context(), spec)
	must(t, err)
	return built
}

func TestEachPlatformHoldsItsServersAndNothingElse(t *testing.T) {
	built := build(t, spec(t))
	file, dir := filepath.Join(t.TempDir(), "image.tar"), t.TempDir()
	must(t, os.WriteFile(file, built.Archive, 0o600))
	index, err := Open(t.Context(), file, dir)
	must(t, err)
	want, err := built.Index.Digest()
	must(t, err)
	if got, err := index.Digest(); err != nil || got != want {
		t.Errorf("the archive holds %s, want %s (%v)", got, want, err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	if names := read(t, filepath.Join(dir, "index.json")); !bytes.Contains(names, []byte(`"io.containerd.image.name": "`+name+`"`)) {
		t.Errorf("containerd would not name it %s: %s", name, names)
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
			"org.opencontainers.image.title":    "operator",
			"org.opencontainers.image.source":   "https://github.com/xtracta/billing-operator",
			"org.opencontainers.image.vendor":   "Xtracta",
			"org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.version":  "v9",
			"org.opencontainers.image.revision": "abc",
			"org.opencontainers.image.created":  "2001-09-09T01:46:40Z",
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
		reader := tar.NewReader(archive)
		header, err := reader.Next()
		must(t, err)
		content, err := io.ReadAll(reader)
		must(t, err)
		found = append(found, file{header, content})
		if _, err := reader.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("a layer holds more than %s (%v)", header.Name, err)
		}
		must(t, archive.Close())
	}
	return found
}
