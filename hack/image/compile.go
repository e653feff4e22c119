package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/mod/modfile"
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
func compile(ctx context.Context, root string, spec imageSpec, platform v1.Platform) (programs []program, err error) {
	dir, err := os.MkdirTemp("", "image-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for _, pkg := range spec.packages {
		name := path.Base(pkg)
		fmt.Fprintf(os.Stderr, "Compiling %s for %s ...\n", name, platform)
		file := filepath.Join(dir, name)
		if err := goBuild(ctx, root, platform, file, pkg, spec); err != nil {
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

// toolchain returns the version of Go that go.mod pins, or else any that can build it.
func toolchain(root string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	file, err := modfile.Parse("go.mod", content, nil)
	if err != nil {
		return "", err
	}
	if file.Toolchain == nil {
		return "auto", nil
	}
	return file.Toolchain.Name, nil
}

// linkerFlags omit what only debuggers need, and say which version the programs are. The
// repository cannot tell it, as its state is omitted.
func (s imageSpec) linkerFlags() string {
	const variables = "github.com/xtracta/billing-operator/cmd/version."
	return "-s -w -X " + variables + "version=" + s.version() + " -X " + variables + "revision=" + s.revision
}

// goBuild builds a static program whose bytes do not depend on the machine: it omits
// paths and the state of the checkout, and overrides the environment's CPU settings.
func goBuild(ctx context.Context, root string, platform v1.Platform, file, pkg string, spec imageSpec) error {
	goVersion, err := toolchain(root)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", spec.linkerFlags(), "-o", file, pkg)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off", "GOTOOLCHAIN="+goVersion,
		"GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOAMD64=v1", "GOARM64=v8.0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s for %s: %w\n%s", pkg, platform, err, output)
	}
	return nil
}
