// Package gobuild runs the go command. A build of Kubernetes takes minutes, and people
// stop what says nothing for minutes, so it reports its progress.
package gobuild

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/xtracta/billing-operator/hack/process"
)

// Command is a way to run the go command.
type Command struct {
	Dir      string    // the folder that it runs in
	Env      []string  // added to the environment of this process
	Progress io.Writer // where progress is reported
	Packages int       // how many packages will be compiled at most; 0 when unknown
}

// Output runs the go command and returns its standard output. When it fails, its
// standard error becomes the error.
func (c Command) Output(ctx context.Context, args ...string) (string, error) {
	progress := newProgressWriter(c.Progress, c.Packages)
	defer progress.stop()
	cmd := process.Command(ctx, c.Dir, "go", args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stderr = progress
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, progress.stderr())
	}
	return string(output), nil
}
