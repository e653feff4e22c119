package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/xtracta/billing-operator/hack/gobuild"
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
		static := gobuild.Static{
			Root: root, Package: pkg, OS: platform.OS, Arch: platform.Architecture, Version: spec.version(), Revision: spec.revision,
		}
		if err := static.Build(ctx, file); err != nil {
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
