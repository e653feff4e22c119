package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/xtracta/billing-operator/hack/image"
)

// push pushes the image and the chart of a release that was built. It uses the credentials
// of "docker login", and writes what it pushed to a file, by digest, so that it can be signed.
func (r *release) push(ctx context.Context, registry string) error {
	if registry == "" {
		return errors.New("name the registry: make push REGISTRY=registry.example.com/team")
	}
	if _, err := os.Stat(r.file(checksums)); err != nil || r.version == "" {
		return fmt.Errorf("there is no release in %s; make it first: make release VERSION=v0.2.0", r.file(""))
	}
	image, err := r.pushImage(ctx, registry)
	if err != nil {
		return fmt.Errorf("image: %w", err)
	}
	chart, err := r.pushChart(ctx, registry)
	if err != nil {
		return fmt.Errorf("chart: %w", err)
	}
	pushed := image + "\n" + chart + "\n"
	if err := os.WriteFile(filepath.Join(r.dist, "pushed-"+r.version+".txt"), []byte(pushed), 0o644); err != nil {
		return err
	}
	_, err = fmt.Print(pushed)
	return err
}

func remoteOptions(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
}

// pushImage pushes the image for all platforms, and returns its name with its digest.
func (r *release) pushImage(ctx context.Context, registry string) (string, error) {
	tag, err := name.NewTag(registry + "/billing-operator:" + r.version)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "push-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	index, err := image.Open(ctx, r.file(r.imageArchive()), dir)
	if err != nil {
		return "", err
	}
	digest, err := index.Digest()
	if err != nil {
		return "", err
	}
	say("Pushing %s ...", tag)
	return tag.Digest(digest.String()).String(), remote.WriteIndex(tag, index, remoteOptions(ctx)...)
}

// pushChart pushes the chart by Helm. Its name is not the image's: what looks for versions
// of an image, such as Flux, would find those of the chart.
func (r *release) pushChart(ctx context.Context, registry string) (string, error) {
	tag, err := name.NewTag(registry + "/charts/billing-operator:" + strings.TrimPrefix(r.version, "v"))
	if err != nil {
		return "", err
	}
	args := []string{"push", r.file(r.chart()), "oci://" + registry + "/charts"}
	if tag.Scheme() == "http" { // loopback
		args = append(args, "--plain-http")
	}
	say("Pushing oci://%s ...", tag)
	if err := r.command(ctx, "bin/tools/helm", args...).Run(); err != nil {
		return "", fmt.Errorf("helm push: %w", err)
	}
	pushed, err := remote.Head(tag, remoteOptions(ctx)...)
	if err != nil {
		return "", err
	}
	return tag.Digest(pushed.Digest.String()).String(), nil
}
