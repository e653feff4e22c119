package main

import (
	"context"
	"os"
	"path/filepath"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"

	"github.com/xtracta/billing-operator/hack/image"
)

// imageArchive is the file with the image for all platforms.
func (r *release) imageArchive() string { return "billing-operator_" + r.version + "_image.tar" }

func (r *release) writeImage(ctx context.Context) error {
	built, err := r.buildImage(ctx)
	if err != nil {
		return err
	}
	return r.writeArtifact(r.imageArchive(), cyclonedx.ComponentTypeContainer, built.Archive, built.Programs)
}

// writeDevelopmentImage writes the image of the sources as they are, and no release.
func (r *release) writeDevelopmentImage(ctx context.Context) error {
	if err := r.readCommit(ctx); err != nil {
		return err
	}
	built, err := r.buildImage(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dist, "image.tar"), built.Archive, 0o644)
}

func (r *release) buildImage(ctx context.Context) (*image.Image, error) {
	return image.Build(ctx, image.Spec{
		Root: r.root, Packages: image.Servers, Platforms: r.imagePlatforms,
		Name: "ghcr.io/xtracta/billing-operator:" + r.version, Revision: r.revision, Created: r.time,
	})
}
