package gobuild

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"
)

// Static is a static program whose bytes depend on the sources alone: neither on the
// folder, the time, the state of the checkout nor the environment.
type Static struct {
	Root     string // of the module
	Package  string // such as ./cmd/manager
	Platform string // such as linux/amd64
	Version  string // what the program says of itself, see cmd/version
	Revision string
}

// Build returns the program. It is compiled with the flags of all other builds, so that the build
// cache has most of it where it is for this machine.
func (s Static) Build(ctx context.Context) ([]byte, error) {
	operatingSystem, architecture, found := strings.Cut(s.Platform, "/")
	if !found {
		return nil, fmt.Errorf("%q is not an operating system and an architecture, such as linux/amd64", s.Platform)
	}
	toolchain, err := Toolchain(s.Root)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "program")
	env := []string{"CGO_ENABLED=0", "GOFLAGS=-buildvcs=false " + Flags, "GOWORK=off", "GOTOOLCHAIN=" + toolchain,
		"GOOS=" + operatingSystem, "GOARCH=" + architecture, "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off"}
	err = Command{Dir: s.Root, Env: env, Progress: os.Stderr}.Build(ctx,
		[]string{"-ldflags", LinkerFlags(s.Version, s.Revision), "-o", file}, s.Package)
	if err != nil {
		return nil, fmt.Errorf("%s for %s: %w", s.Package, s.Platform, err)
	}
	return os.ReadFile(file)
}

// LinkerFlags omit what only debuggers need, and say which version a program is. The
// repository cannot tell it, as its state is omitted.
func LinkerFlags(version, revision string) string {
	const variables = "github.com/xtracta/billing-operator/cmd/version."
	return "-s -w -X " + variables + "version=" + version + " -X " + variables + "revision=" + revision
}

// Toolchain returns the version of Go that go.mod pins, or else any that can build it.
func Toolchain(root string) (string, error) {
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
