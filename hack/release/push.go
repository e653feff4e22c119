package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// push pushes the image and the chart of a release that was built. It uses the credentials
// of "docker login", and writes what it pushed to a file, by digest, so that it can be signed.
func (r *release) push(ctx context.Context, registry string) error {
	if registry == "" {
		return errors.New("name the registry: make push REGISTRY=registry.example.com/team")
	}
	r.folder = filepath.Join(r.dist, r.version)
	if _, err := os.Stat(filepath.Join(r.folder, checksums)); err != nil || r.version == "" {
		return fmt.Errorf("there is no release in %s; make it first: make release VERSION=v0.1.0", r.folder)
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
	stored, err := openImage(filepath.Join(r.folder, r.imageArchive()), dir)
	if err != nil {
		return "", err
	}
	say("Pushing %s ...", tag)
	options := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	var digest v1.Hash
	if stored.index != nil {
		err = remote.WriteIndex(tag, stored.index, options...)
		digest, _ = stored.index.Digest()
	} else {
		err = remote.Write(tag, stored.images[0], options...)
		digest, _ = stored.images[0].Digest()
	}
	return tag.Context().Digest(digest.String()).String(), err
}

// pushedDigest is how Helm says which digest it has pushed.
var pushedDigest = regexp.MustCompile(`(?m)^Digest: (sha256:[0-9a-f]{64})$`)

// pushChart pushes the chart by Helm. Its name is not the image's: what looks for versions
// of an image, such as Flux, would find those of the chart.
func (r *release) pushChart(ctx context.Context, registry string) (string, error) {
	repository, err := name.NewRepository(registry + "/charts/billing-operator")
	if err != nil {
		return "", err
	}
	file, err := filepath.Abs(filepath.Join(r.folder, r.chart()))
	if err != nil {
		return "", err
	}
	args := []string{"push", file, "oci://" + registry + "/charts"}
	if repository.Scheme() == "http" { // loopback
		args = append(args, "--plain-http")
	}
	say("Pushing oci://%s ...", repository)
	cmd := r.command(ctx, r.tool("helm"), args...)
	cmd.Stderr = nil
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("helm push: %w\n%s", err, output)
	}
	digest := pushedDigest.FindSubmatch(output)
	if digest == nil {
		return "", fmt.Errorf("helm push does not say what it pushed:\n%s", output)
	}
	return repository.Digest(string(digest[1])).String(), nil
}
