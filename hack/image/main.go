// Command image builds the image that clusters run, for several platforms. It needs
// neither a container engine nor a base image: the image holds static programs and
// nothing else. The same sources always give the same bytes.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/pflag"
)

const usage = `image builds the operator's container image as an OCI layout in a tar file. With
packages as arguments, such as ./hack/standin, the image holds their programs
instead and runs the first:

  image [flags] [package ...]

  ctr images import dist/image.tar
  skopeo copy --all oci-archive:dist/image.tar docker://registry.example.com/billing-operator:v0.1.0

With a single --platform the file is also in the format of "docker save", so that
any "docker load" or "podman load" can read it.

The environment variable SOURCE_DATE_EPOCH, in UNIX seconds, is the time at which
the image was created (default 0, in 1970).

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv("SOURCE_DATE_EPOCH"), ".", os.Stdout)
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// run builds from the sources in root, and prints the name and digest of the image.
func run(ctx context.Context, args []string, epoch, root string, out io.Writer) error {
	var output, platforms string
	spec := imageSpec{packages: servers}
	flags := pflag.NewFlagSet("image", pflag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { fmt.Fprint(out, usage, flags.FlagUsagesWrapped(100)) }
	flags.StringVarP(&output, "output", "o", "dist/image.tar", "`file` to write")
	flags.StringVar(&platforms, "platform", "linux/amd64,linux/arm64", "`platforms` to build for")
	flags.StringVar(&spec.name, "name", "", "the image's `name` and tag (default the one that config/manager deploys)")
	flags.StringVar(&spec.revision, "revision", "", "the `commit` from which the image is built, for its label")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		spec.packages = flags.Args()
	}
	if err := spec.complete(root, epoch); err != nil {
		return err
	}
	parsed, err := parsePlatforms(platforms)
	if err != nil {
		return err
	}
	built, err := buildImages(ctx, root, parsed, spec)
	if err != nil {
		return err
	}
	digest, err := writeArchive(output, built, spec)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s@%s\n", spec.name, digest)
	return err
}

func parsePlatforms(list string) (platforms []v1.Platform, err error) {
	for _, name := range strings.Split(list, ",") {
		platform, err := v1.ParsePlatform(name)
		if err != nil || platform.OS == "" || platform.Architecture == "" {
			return nil, fmt.Errorf("--platform: %q is not an operating system and an architecture, such as linux/amd64", name)
		}
		platforms = append(platforms, *platform)
	}
	return platforms, nil
}

// buildImages builds an image for each platform.
func buildImages(ctx context.Context, root string, platforms []v1.Platform, spec imageSpec) (built []platformImage, err error) {
	for _, platform := range platforms {
		programs, err := compile(ctx, root, spec, platform)
		if err != nil {
			return nil, err
		}
		image, err := newImage(programs, platform, spec)
		if err != nil {
			return nil, fmt.Errorf("image for %s: %w", platform, err)
		}
		built = append(built, platformImage{platform, image})
	}
	return built, nil
}
