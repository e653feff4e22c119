package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing/fstest"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// epoch is the time of everything in archives, which may not tell when they were made.
var epoch = time.Unix(0, 0).UTC()

// pack returns the archive of an image. The layout is written to a folder first, as the library does
// that alone.
func pack(image v1.ImageIndex, name string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return nil, err
	}
	err = path.AppendIndex(image, layout.WithAnnotations(map[string]string{
		"io.containerd.image.name":          name,
		"org.opencontainers.image.ref.name": tagOf(name),
	}))
	if err != nil {
		return nil, err
	}
	files, err := readFiles(os.DirFS(dir))
	if err != nil {
		return nil, err
	}
	return archive(files)
}

// readFiles reads all files, without what differs between machines, such as owners and times.
func readFiles(from fs.FS) (fstest.MapFS, error) {
	files := fstest.MapFS{}
	return files, fs.WalkDir(from, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, path)
		files[path] = &fstest.MapFile{Data: content, Mode: 0o644, ModTime: epoch}
		return err
	})
}

// archive puts files into a tar file, sorted by name.
func archive(files fs.FS) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	err := errors.Join(writer.AddFS(files), writer.Close())
	return buffer.Bytes(), err
}

// Open unpacks an archive into a folder, which must exist while the image is used.
func Open(ctx context.Context, archive, dir string) (v1.ImageIndex, error) {
	unpack := exec.CommandContext(ctx, "tar", "-xf", archive, "-C", dir)
	if output, err := unpack.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(archive), err, output)
	}
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return nil, err
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("%s names %d images, want 1", archive, len(manifest.Manifests))
	}
	return top.ImageIndex(manifest.Manifests[0].Digest)
}
