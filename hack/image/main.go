// Command image builds the image that clusters run, for several platforms, with
// neither a container engine nor a base image: static programs and nothing else.
// The same sources give the same bytes.
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

const usage = `image builds the operator's container image as an OCI layout in a tar file. Where
packages are named, such as ./hack/standin, it holds these programs instead, and
runs the first:

  image [flags] [package ...]

  ctr images import dist/image.tar
  skopeo copy --all oci-archive:dist/image.tar docker://registry.example.com/billing-operator:v0.1.0

With one --platform the file is what "docker save" writes, too, so that every
"docker load" and "podman load" reads it.

The environment's SOURCE_DATE_EPOCH, in UNIX seconds, says when the image was
created; without it that is 1970.

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

// run builds from the sources in root, and prints the image's name and digest.
func run(ctx context.Context, args []string, epoch, root string, out io.Writer) error {
	var output, platforms string
	about := about{packages: servers}
	flags := pflag.NewFlagSet("image", pflag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() { fmt.Fprint(out, usage, flags.FlagUsagesWrapped(100)) }
	flags.StringVarP(&output, "output", "o", "dist/image.tar", "`file` to write")
	flags.StringVar(&platforms, "platform", "linux/amd64,linux/arm64", "`platforms` to build for")
	flags.StringVar(&about.name, "name", "", "the image's `name` and tag (default what config/manager deploys)")
	flags.StringVar(&about.revision, "revision", "", "the `commit` that the image is built from, for its label")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		about.packages = flags.Args()
	}
	if err := about.complete(root, epoch); err != nil {
		return err
	}
	parsed, err := parsePlatforms(platforms)
	if err != nil {
		return err
	}
	built, err := buildImages(ctx, root, parsed, about)
	if err != nil {
		return err
	}
	digest, err := writeArchive(output, built, about)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s@%s\n", about.name, digest)
	return err
}

func parsePlatforms(list string) (platforms []v1.Platform, err error) {
	for _, text := range strings.Split(list, ",") {
		platform, err := v1.ParsePlatform(text)
		if err != nil || platform.OS == "" || platform.Architecture == "" {
			return nil, fmt.Errorf("--platform: %q is not an operating system and an architecture, such as linux/amd64", text)
		}
		platforms = append(platforms, *platform)
	}
	return platforms, nil
}

// buildImages compiles the programs for each platform, and wraps them.
func buildImages(ctx context.Context, root string, platforms []v1.Platform, about about) (built []platformImage, err error) {
	for _, platform := range platforms {
		programs, err := compile(ctx, root, about.packages, platform)
		if err != nil {
			return nil, err
		}
		image, err := newImage(programs, platform, about)
		if err != nil {
			return nil, fmt.Errorf("image for %s: %w", platform, err)
		}
		built = append(built, platformImage{platform, image})
	}
	return built, nil
}
