package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"

	"github.com/xtracta/billing-operator/hack/image"
)

const (
	// repository is where the sources and the files of a release are found.
	repository = "https://github.com/xtracta/billing-operator"
	imageName  = "ghcr.io/xtracta/billing-operator"
	checksums  = "SHA256SUMS"
)

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
	notes    string
	plugins  []plugin
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
		{"install.yaml and chart", r.writeManifests},
		{"JSON schema", r.writeSchema},
		{"plugin", r.writePlugins},
		{"krew manifest", r.writeKrewManifest},
		{"image", r.writeImage},
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

func (r *release) image(ctx context.Context, version string) (*image.Image, error) {
	return image.Build(ctx, image.Spec{
		Root: r.root, Packages: image.Servers, Platforms: r.imagePlatforms,
		Name: imageName + ":" + version, Revision: r.revision, Created: r.time,
	})
}

// imageArchive is the file with the image for all platforms.
func (r *release) imageArchive() string { return "billing-operator_" + r.version + "_image.tar" }

func (r *release) writeImage(ctx context.Context) error {
	built, err := r.image(ctx, r.version)
	if err != nil {
		return err
	}
	content, err := built.Archive()
	if err != nil {
		return err
	}
	if err := r.write(r.imageArchive(), content); err != nil {
		return err
	}
	return r.writeBill(r.imageArchive(), cyclonedx.ComponentTypeContainer, content, built.Programs)
}

// buildImage writes the image of the sources as they are, and no release.
func (r *release) buildImage(ctx context.Context) error {
	if err := r.readCommit(ctx); err != nil {
		return err
	}
	version := r.version
	if version == "" {
		version = development
	}
	built, err := r.image(ctx, version)
	if err != nil {
		return err
	}
	content, err := built.Archive()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dist, "image.tar"), content, 0o644)
}

// writeChecksums writes the digests of all files, for "sha256sum --check".
func (r *release) writeChecksums(context.Context) error {
	entries, err := os.ReadDir(r.folder) // sorted by name
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(r.folder, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", digest(content), entry.Name())
	}
	return r.write(checksums, []byte(text.String()))
}

func digest(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }
