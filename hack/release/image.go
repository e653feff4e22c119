package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// imageArchive is the file with the image for all platforms.
func (r *release) imageArchive() string { return "billing-operator_" + r.version + "_image.tar" }

func (r *release) writeImage(ctx context.Context) error {
	target, err := filepath.Abs(filepath.Join(r.folder, r.imageArchive()))
	if err != nil {
		return err
	}
	cmd := r.command(ctx, "go", "run", "./hack/image", "-o", target,
		"--platform", strings.Join(r.imagePlatforms, ","), "--revision", r.revision)
	cmd.Stdout = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	content, err := os.ReadFile(target)
	if err != nil {
		return err
	}
	programs, err := programsOf(target)
	if err != nil {
		return err
	}
	return r.writeSBOM(r.imageArchive(), "CONTAINER", content, programs)
}

// programsOf returns the programs of all platforms.
func programsOf(archive string) (programs [][]byte, err error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	stored, err := openImage(archive, dir)
	if err != nil {
		return nil, err
	}
	for _, image := range stored.images {
		layers, err := image.Layers()
		if err != nil {
			return nil, err
		}
		for _, layer := range layers {
			found, err := filesOf(layer)
			if err != nil {
				return nil, err
			}
			programs = append(programs, found...)
		}
	}
	return programs, nil
}

func filesOf(layer v1.Layer) (files [][]byte, err error) {
	content, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	for reader := tar.NewReader(content); ; {
		_, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		file, err := io.ReadAll(reader)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
}

// storedImage is the content of an image's archive. An image for one platform has no index.
type storedImage struct {
	index  v1.ImageIndex
	images []v1.Image
}

// openImage unpacks an OCI layout into a folder, which must exist while it is used.
func openImage(archive, dir string) (stored storedImage, err error) {
	if err := unpack(archive, dir); err != nil {
		return stored, err
	}
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return stored, err
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		return stored, err
	}
	if len(manifest.Manifests) != 1 {
		return stored, fmt.Errorf("%s names %d images, want 1", archive, len(manifest.Manifests))
	}
	named := manifest.Manifests[0]
	if !named.MediaType.IsIndex() {
		image, err := top.Image(named.Digest)
		return storedImage{images: []v1.Image{image}}, err
	}
	if stored.index, err = top.ImageIndex(named.Digest); err != nil {
		return stored, err
	}
	inner, err := stored.index.IndexManifest()
	if err != nil {
		return stored, err
	}
	for _, entry := range inner.Manifests {
		image, err := stored.index.Image(entry.Digest)
		if err != nil {
			return stored, err
		}
		stored.images = append(stored.images, image)
	}
	return stored, nil
}

// unpack unpacks the regular files of an archive. None may leave the folder.
func unpack(archive, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	content, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer content.Close()
	for reader := tar.NewReader(content); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackFile(root, filepath.FromSlash(header.Name), reader); err != nil {
			return err
		}
	}
}

func unpackFile(root *os.Root, name string, content io.Reader) error {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
