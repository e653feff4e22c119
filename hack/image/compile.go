package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// servers are the commands that run in clusters; the first is what the image runs.
// What people type on their own machines is not among them.
var servers = []string{"./cmd/manager", "./cmd/billing-link"}

// program is a compiled command.
type program struct {
	name string
	text []byte
}

// compile builds packages of root for a platform.
func compile(ctx context.Context, root string, packages []string, platform v1.Platform) (programs []program, err error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, pkg := range packages {
		name := path.Base(pkg)
		fmt.Fprintf(os.Stderr, "Compiling %s for %s ...\n", name, platform)
		file := filepath.Join(dir, name)
		if err := goBuild(ctx, root, platform, file, pkg); err != nil {
			return nil, err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		programs = append(programs, program{name, text})
	}
	return programs, nil
}

// goBuild links statically, and leaves out what differs between machines: paths,
// the state of a checkout, what the environment says of processors.
func goBuild(ctx context.Context, root string, platform v1.Platform, file, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off",
		"GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOAMD64=v1", "GOARM64=v8.0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s for %s: %w\n%s", pkg, platform, err, output)
	}
	return nil
}
