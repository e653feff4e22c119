package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// identify finds out what is released. It refuses what nobody could build again.
func (r *release) identify(ctx context.Context) (err error) {
	current, err := r.output(ctx, "go", "run", "./hack/version", "show")
	switch {
	case err != nil:
		return err
	case r.version == "":
		return fmt.Errorf("name the version: make release VERSION=%s", current)
	case r.version != current:
		return fmt.Errorf("the sources are those of %s; write %s to them first: make bump VERSION=%s", current, r.version, r.version)
	}
	if _, err := r.output(ctx, "go", "run", "./hack/version", "check"); err != nil {
		return err
	}
	if changes, err := r.output(ctx, "git", "status", "--porcelain"); err != nil || changes != "" {
		return errors.Join(err, fmt.Errorf("commit first, as a release is made of a commit:\n%s", changes))
	}
	if r.revision, err = r.output(ctx, "git", "rev-parse", "HEAD"); err != nil {
		return err
	}
	if tagged, err := r.output(ctx, "git", "rev-parse", "--verify", "--quiet", r.version+"^{commit}"); err == nil && tagged != r.revision {
		return fmt.Errorf("%s was released from %s; check that out, or choose another version", r.version, tagged)
	}
	seconds, err := r.output(ctx, "git", "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	unix, err := strconv.ParseInt(seconds, 10, 64)
	r.time = time.Unix(unix, 0).UTC()
	return err
}

// command is a command in the repository whose messages are shown.
func (r *release) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = r.root
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.time.Unix()), "LC_ALL=C", "TZ=UTC")
	cmd.Stderr = os.Stderr
	return cmd
}

func (r *release) output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := r.command(ctx, name, args...)
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(append([]string{name}, args...), " "), err)
	}
	return strings.TrimSpace(string(output)), nil
}

// tool is a pinned tool of the repository, which make builds.
func (r *release) tool(name string) string {
	path, err := filepath.Abs(filepath.Join(r.root, "bin", "tools", name))
	if err != nil {
		return name
	}
	return path
}

// read reads a file of the repository.
func (r *release) read(path ...string) ([]byte, error) {
	return os.ReadFile(filepath.Join(append([]string{r.root}, path...)...))
}
