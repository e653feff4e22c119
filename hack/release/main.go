// Command release makes the files of a release, and pushes them to a registry. The same
// commit always gives the same bytes.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/pflag"
)

const usage = `release makes and publishes releases. It runs in the folder of the repository.

  release build --version v0.2.0   write the files of the release to dist/v0.2.0
  release image --version v0.2.0   write the image alone, of what is here, to dist/image.tar
  release push --version v0.2.0 --registry registry.example.com/team
                                   push the image and the chart from dist/v0.2.0

Flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var r release
	var registry string
	flags := pflag.NewFlagSet("release", pflag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stdout, usage, flags.FlagUsagesWrapped(100)) }
	flags.StringVar(&r.version, "version", "", "`version` of the release, such as v0.2.0")
	flags.StringVar(&r.dist, "output", "dist", "`folder` to write to")
	flags.StringSliceVar(&r.platforms, "plugin-platforms", pluginPlatforms, "`platforms` to build the plugin for")
	flags.StringSliceVar(&r.imagePlatforms, "image-platforms", imagePlatforms, "`platforms` to build the image for")
	flags.StringVar(&registry, "registry", "", "`registry`, with the path that image and chart get in it")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch flags.Arg(0) {
	case "build":
		return r.build(ctx)
	case "image":
		r.version = cmp.Or(r.version, development)
		return r.writeDevelopmentImage(ctx)
	case "push":
		return r.push(ctx, registry)
	}
	return errors.New("say build, image or push; see --help")
}
