// Package image builds the image that clusters run, for several platforms. It needs neither a
// container engine nor a base image: the image holds static programs and nothing else. The same
// sources always give the same bytes.
package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

// Servers are the commands that run in clusters. The operator's image runs the first. The commands
// for people's own machines are not among them.
var Servers = []string{"./cmd/manager", "./cmd/billing-link"}

// nobody is the user and group of the image, and of the deployment. They are numbers,
// because the image has no /etc/passwd and runAsNonRoot cannot check names.
const nobody = "65532:65532"

// Spec is what an image holds, and what its labels say.
type Spec struct {
	Root      string    // the folder of the module
	Packages  []string  // its commands in the image, such as Servers
	Platforms []string  // such as linux/amd64
	Name      string    // with the tag, which is also the version that the programs tell
	Revision  string    // the commit; may be empty
	Created   time.Time // the label; nothing else has a time
}

// Image is an image for all its platforms.
type Image struct {
	Index    v1.ImageIndex
	Programs [][]byte // of all platforms
	name     string
}

// Build compiles the programs and makes the image.
func Build(ctx context.Context, spec Spec) (*Image, error) {
	image := &Image{Index: empty.Index, name: spec.Name}
	for _, name := range spec.Platforms {
		platform, err := v1.ParsePlatform(name)
		if err != nil || platform.OS == "" || platform.Architecture == "" {
			return nil, fmt.Errorf("%q is not an operating system and an architecture, such as linux/amd64", name)
		}
		programs, err := compile(ctx, spec, *platform)
		if err != nil {
			return nil, err
		}
		single, err := newImage(programs, *platform, spec)
		if err != nil {
			return nil, fmt.Errorf("image for %s: %w", name, err)
		}
		image.Programs = append(image.Programs, programs...)
		image.Index = mutate.AppendManifests(image.Index, mutate.IndexAddendum{
			Add: single, Descriptor: v1.Descriptor{Platform: platform},
		})
	}
	image.Index = mutate.Annotations(image.Index, spec.labels()).(v1.ImageIndex)
	return image, nil
}

// compile builds the programs for a platform.
func compile(ctx context.Context, spec Spec, platform v1.Platform) (programs [][]byte, err error) {
	for _, pkg := range spec.Packages {
		fmt.Fprintf(os.Stderr, "Compiling %s for %s ...\n", pkg, platform)
		program, err := gobuild.Static{
			Root: spec.Root, Package: pkg, OS: platform.OS, Arch: platform.Architecture,
			Version: tagOf(spec.Name), Revision: spec.Revision,
		}.Build(ctx)
		if err != nil {
			return nil, err
		}
		programs = append(programs, program)
	}
	return programs, nil
}

// newImage puts each program into a layer of its own, so that nodes do not download an
// unchanged program again. The image runs the first.
func newImage(programs [][]byte, platform v1.Platform, spec Spec) (v1.Image, error) {
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	for i, program := range programs {
		name := path.Base(spec.Packages[i])
		layer, err := newLayer(name, program)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Created: v1.Time{Time: spec.Created}, CreatedBy: "COPY /" + name},
		})
		if err != nil {
			return nil, err
		}
	}
	image, err := configure(image, platform, spec)
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(image, spec.labels()).(v1.Image), nil
}

// newLayer holds one program. It belongs to root, so that the image's user cannot change
// it, and has a fixed time, so that the same program always makes the same layer.
func newLayer(name string, program []byte) (v1.Layer, error) {
	content, err := archive(fstest.MapFS{name: {Data: program, Mode: 0o755, ModTime: epoch}})
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

func configure(image v1.Image, platform v1.Platform, spec Spec) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	file.Created = v1.Time{Time: spec.Created}
	file.Config = v1.Config{
		User:       nobody,
		Entrypoint: []string{"/" + path.Base(spec.Packages[0])},
		WorkingDir: "/",
		Labels:     spec.labels(),
	}
	return mutate.ConfigFile(image, file)
}

// labels are those that annotations.md of the OCI image specification defines.
func (s Spec) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	repository, _, _ := strings.Cut(path.Base(s.Name), ":")
	labels := map[string]string{
		prefix + "title":    repository,
		prefix + "source":   "https://github.com/xtracta/billing-operator",
		prefix + "vendor":   "Xtracta",
		prefix + "licenses": "Apache-2.0",
		prefix + "version":  tagOf(s.Name),
		prefix + "created":  s.Created.UTC().Format(time.RFC3339),
	}
	if s.Revision != "" {
		labels[prefix+"revision"] = s.Revision
	}
	return labels
}

// tagOf returns the tag of an image's name. A colon before the last slash belongs to the registry's port.
func tagOf(name string) string {
	_, tag, _ := strings.Cut(path.Base(name), ":")
	return tag
}
