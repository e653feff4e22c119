// Package gobuild runs the go command. A build of Kubernetes takes minutes, and people
// stop what says nothing for minutes, so a build says how far it is.
package gobuild

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/xtracta/billing-operator/hack/process"
)

// Command is a way to run the go command.
type Command struct {
	Dir      string    // the folder that it runs in
	Env      []string  // added to the environment of this process
	Progress io.Writer // where progress is reported
}

// Output runs the go command and returns its standard output. When it fails, its
// standard error becomes the error.
func (c Command) Output(ctx context.Context, args ...string) (string, error) {
	return c.run(ctx, nil, args...)
}

// Build runs "go build" with flags for packages, and reports how far it is.
func (c Command) Build(ctx context.Context, flags []string, packages ...string) error {
	stale, err := c.list(ctx, packages...)
	if err != nil {
		return err
	}
	_, err = c.run(ctx, stale, slices.Concat([]string{"build", "-v"}, flags, packages)...)
	return err
}

// Compile compiles packages and their tests, and reports how far it is: "go test" compiles
// in silence. Nothing is linked.
func (c Command) Compile(ctx context.Context, packages ...string) error {
	packages = append([]string{"-test"}, packages...)
	stale, err := c.list(ctx, packages...)
	if err != nil {
		return err
	}
	_, err = c.run(ctx, stale, append([]string{"list", "-export", "-deps", "-v", "-f", ""}, packages...)...)
	return err
}

func (c Command) run(ctx context.Context, stale workload, args ...string) (string, error) {
	progress := newProgress(c.Progress, stale)
	defer progress.stop()
	cmd := process.Command(ctx, c.Dir, "go", args...)
	cmd.Env = slices.Concat(os.Environ(), defaults(), c.Env)
	cmd.Stderr = progress
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, progress.messages())
	}
	return string(output), nil
}

// Flags are those of every compilation: no paths of this machine, no tables of debuggers.
const Flags = "-trimpath -gcflags=all=-dwarf=false"

// defaults are the settings that the Makefile exports, for those that the environment
// lacks. The build cache holds a package once for each combination of them.
func defaults() (env []string) {
	for _, setting := range [][2]string{
		{"CGO_ENABLED", "0"},
		{"GOFLAGS", Flags},
		{"GOWORK", "off"},
	} {
		if _, set := os.LookupEnv(setting[0]); !set {
			env = append(env, setting[0]+"="+setting[1])
		}
	}
	return env
}
