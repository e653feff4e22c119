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
// specification) as a tar file, and returns the image's digest.
func writeArchive(output string, images []platformImage, about about) (v1.Hash, error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return v1.Hash{}, err
	}
	defer os.RemoveAll(dir)
	digest, err := writeLayout(dir, images, about)
	if err != nil {
		return v1.Hash{}, err
	}
	return digest, pack(dir, output)
}

func writeLayout(dir string, images []platformImage, about about) (v1.Hash, error) {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	named := layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          about.name,
		"org.opencontainers.image.ref.name": about.version(),
	})
	if len(images) > 1 {
		index := newIndex(images, about)
		if err := path.AppendIndex(index, named); err != nil {
			return v1.Hash{}, err
		}
		return index.Digest()
	}
	only := images[0]
	if err := path.AppendImage(only.Image, named, layout.WithPlatform(only.platform)); err != nil {
		return v1.Hash{}, err
	}
	if err := writeDockerManifest(dir, only.Image, about); err != nil {
		return v1.Hash{}, err
	}
	return only.Digest()
}

// writeDockerManifest adds what a Docker engine without containerd's image store
// looks for. It knows no image of several platforms.
func writeDockerManifest(dir string, image v1.Image, about about) error {
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	blob := func(digest v1.Hash) string { return "blobs/" + digest.Algorithm + "/" + digest.Hex }
	described := tarball.Descriptor{Config: blob(manifest.Config.Digest), RepoTags: []string{about.name}}
	for _, layer := range manifest.Layers {
		described.Layers = append(described.Layers, blob(layer.Digest))
	}
	text, err := json.Marshal(tarball.Manifest{described})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600)
}

// pack puts the files of dir into a tar file, in the order of their names and
// without what differs between machines.
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
