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
	Archive  []byte   // an OCI image layout in a tar file, as skopeo, ctr and kind read it
}

// Build compiles the programs and makes the image.
func Build(ctx context.Context, spec Spec) (*Image, error) {
	image := &Image{Index: empty.Index}
	for _, name := range spec.Platforms {
		platform, err := v1.ParsePlatform(name)
		if err != nil {
			return nil, err
		}
		programs, err := compile(ctx, spec, name)
		if err != nil {
			return nil, err
		}
		single, err := newImage(programs, platform, spec)
		if err != nil {
			return nil, fmt.Errorf("image for %s: %w", name, err)
		}
		image.Programs = append(image.Programs, programs...)
		image.Index = mutate.AppendManifests(image.Index, mutate.IndexAddendum{
			Add: single, Descriptor: v1.Descriptor{Platform: platform},
		})
	}
	image.Index = mutate.Annotations(image.Index, spec.labels()).(v1.ImageIndex)
	var err error
	image.Archive, err = pack(image.Index, spec.Name)
	return image, err
}

// compile builds the programs for a platform.
func compile(ctx context.Context, spec Spec, platform string) (programs [][]byte, err error) {
	for _, pkg := range spec.Packages {
		fmt.Fprintf(os.Stderr, "Compiling %s for %s ...\n", pkg, platform)
		program, err := gobuild.Static{
			Root: spec.Root, Package: pkg, Platform: platform, Version: tagOf(spec.Name), Revision: spec.Revision,
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
func newImage(programs [][]byte, platform *v1.Platform, spec Spec) (v1.Image, error) {
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: platform.OS, Architecture: platform.Architecture,
		Created: v1.Time{Time: spec.Created},
		RootFS:  v1.RootFS{Type: "layers"},
		Config: v1.Config{
			User:       nobody,
			Entrypoint: []string{"/" + path.Base(spec.Packages[0])},
			WorkingDir: "/",
			Labels:     spec.labels(),
		},
	})
	if err != nil {
		return nil, err
	}
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
	image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
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
