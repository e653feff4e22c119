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

// servers are the commands that run in clusters. The image runs the first. The commands
// for people's own machines are not among them.
var servers = []string{"./cmd/manager", "./cmd/billing-link"}

// program is a compiled command.
type program struct {
	name    string
	content []byte
}

// compile builds commands of the module in root for a platform.
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
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		programs = append(programs, program{name, content})
	}
	return programs, nil
}

// goBuild builds a static program whose bytes do not depend on the machine: it omits
// paths and the state of the checkout, and overrides the environment's CPU settings.
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
