package main

import (
	"archive/tar"
	"bytes"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// nobody is the user and group of the image, and of the deployment. They are numbers,
// because the image has no /etc/passwd and runAsNonRoot cannot check names.
const nobody = "65532:65532"

// platformImage is the image for one platform.
type platformImage struct {
	platform v1.Platform
	v1.Image
}

// newImage puts each program into a layer of its own, so that nodes do not download an
// unchanged program again. The image runs the first.
func newImage(programs []program, platform v1.Platform, spec imageSpec) (v1.Image, error) {
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	for _, program := range programs {
		layer, err := newLayer(program)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Created: v1.Time{Time: spec.created}, CreatedBy: "COPY /" + program.name},
		})
		if err != nil {
			return nil, err
		}
	}
	image, err := configure(image, platform, "/"+programs[0].name, spec)
	if err != nil {
		return nil, err
	}
	return mutate.Annotations(image, spec.labels()).(v1.Image), nil
}

func configure(image v1.Image, platform v1.Platform, entrypoint string, spec imageSpec) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	file.Created = v1.Time{Time: spec.created}
	file.Config = v1.Config{
		User:       nobody,
		Entrypoint: []string{entrypoint},
		WorkingDir: "/",
		Labels:     spec.labels(),
	}
	return mutate.ConfigFile(image, file)
}

// newLayer holds one program. It belongs to root, so that the image's user cannot change
// it, and has a fixed time, so that the same program always makes the same layer.
func newLayer(program program) (v1.Layer, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: program.name, Mode: 0o755, Size: int64(len(program.content)), ModTime: time.Unix(0, 0),
	}
	if err := writer.WriteHeader(header); err != nil {
		return nil, err
	}
	if _, err := writer.Write(program.content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(archive.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// newIndex combines the images of all platforms.
func newIndex(images []platformImage, spec imageSpec) v1.ImageIndex {
	var index v1.ImageIndex = empty.Index
	for _, image := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image.Image, Descriptor: v1.Descriptor{Platform: &image.platform},
		})
	}
	return mutate.Annotations(index, spec.labels()).(v1.ImageIndex)
}
