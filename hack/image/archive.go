package main

import (
	"archive/tar"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// writeArchive writes an OCI image layout (image-layout.md of the OCI image
// specification) as a tar file. It returns the digest of the image.
func writeArchive(output string, images []platformImage, spec imageSpec) (v1.Hash, error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return v1.Hash{}, err
	}
	defer os.RemoveAll(dir)
	digest, err := writeLayout(dir, images, spec)
	if err != nil {
		return v1.Hash{}, err
	}
	return digest, pack(dir, output)
}

func writeLayout(dir string, images []platformImage, spec imageSpec) (v1.Hash, error) {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	named := layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          spec.name,
		"org.opencontainers.image.ref.name": spec.version(),
	})
	if len(images) > 1 {
		index := newIndex(images, spec)
		if err := path.AppendIndex(index, named); err != nil {
			return v1.Hash{}, err
		}
		return index.Digest()
	}
	only := images[0]
	if err := path.AppendImage(only.Image, named, layout.WithPlatform(only.platform)); err != nil {
		return v1.Hash{}, err
	}
	if err := writeDockerManifest(dir, only.Image, spec); err != nil {
		return v1.Hash{}, err
	}
	return only.Digest()
}

// writeDockerManifest adds the manifest for Docker engines without containerd's image
// store. Its format has no images for several platforms.
func writeDockerManifest(dir string, image v1.Image, spec imageSpec) error {
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	blob := func(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }
	descriptor := tarball.Descriptor{Config: blob(manifest.Config.Digest), RepoTags: []string{spec.name}}
	for _, layer := range manifest.Layers {
		descriptor.Layers = append(descriptor.Layers, blob(layer.Digest))
	}
	content, err := json.Marshal(tarball.Manifest{descriptor})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), content, 0o600)
}

// pack puts the files of dir into a tar file, sorted by name. It omits everything that
// differs between machines, such as owners and times.
func pack(dir, output string) error {
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return err
	}
	file, err := os.Create(output + ".new")
	if err != nil {
		return err
	}
	defer file.Close()
	writer := tar.NewWriter(file)
	root := os.DirFS(dir)
	err = fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		return packFile(writer, root, path)
	})
	if err != nil {
		return err
	}
	if err := writer.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), output)
}

func packFile(writer *tar.Writer, root fs.FS, path string) error {
	file, err := root.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Mode: 0o644, Size: info.Size(), ModTime: time.Unix(0, 0)}
	if err := writer.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(writer, file)
	return err
}
