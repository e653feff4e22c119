package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// repository is where the sources and the files of a release are found.
const repository = "https://github.com/xtracta/billing-operator"

var (
	imagePlatforms  = []string{"linux/amd64", "linux/arm64"}
	pluginPlatforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
)

// release is one version of the operator.
type release struct {
	root, dist                string
	version                   string
	platforms, imagePlatforms []string

	revision string    // the commit
	time     time.Time // of the commit: no file has another
	folder   string    // that is being filled
}

// build writes all files of the release. The folder appears when it is complete.
func (r *release) build(ctx context.Context) error {
	if err := r.identify(ctx); err != nil {
		return err
	}
	final := filepath.Join(r.dist, r.version)
	r.folder = final + ".new"
	if err := os.RemoveAll(r.folder); err != nil {
		return err
	}
	if err := os.MkdirAll(r.folder, 0o755); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"release notes", r.writeNotes},
		{"install.yaml", r.writeManifests},
		{"JSON schema", r.writeSchema},
		{"chart", r.writeChart},
		{"plugin", r.writePlugins},
		{"image", r.writeImage},
		{"krew manifest", r.writeKrewManifest},
		{"checksums", r.writeChecksums},
	} {
		say("%s ...", step.what)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	if err := os.RemoveAll(final); err != nil {
		return err
	}
	if err := os.Rename(r.folder, final); err != nil {
		return err
	}
	say("%s is in %s", r.version, final)
	return nil
}

// say reports progress.
func say(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }

// write writes a file of the release.
func (r *release) write(name string, content []byte) error {
	return os.WriteFile(filepath.Join(r.folder, name), content, 0o644)
}

// download is where a file of the release can be downloaded.
func (r *release) download(name string) string {
	return repository + "/releases/download/" + r.version + "/" + name
}
