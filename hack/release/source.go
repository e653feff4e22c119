package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// development is the version that the sources have: a release alone has another.
const development = "devel"

// identify finds out what is released. It refuses what nobody could build again.
func (r *release) identify(ctx context.Context) error {
	if !semver.IsValid(r.version) || semver.Canonical(r.version) != r.version {
		return fmt.Errorf("%q is no version such as v0.2.0 or v0.2.0-rc.1: make release VERSION=v0.2.0", r.version)
	}
	if changes, err := r.git(ctx, "status", "--porcelain"); err != nil || changes != "" {
		return errors.Join(err, fmt.Errorf("commit first, as a release is made of a commit:\n%s", changes))
	}
	if err := r.readCommit(ctx); err != nil {
		return err
	}
	if tagged, err := r.git(ctx, "rev-parse", "--verify", "--quiet", r.version+"^{commit}"); err == nil && tagged != r.revision {
		return fmt.Errorf("%s was released from %s; check that out, or choose another version", r.version, tagged)
	}
	return nil
}

func (r *release) readCommit(ctx context.Context) error {
	commit, err := r.git(ctx, "log", "-1", "--format=%H %ct")
	if err != nil {
		return err
	}
	var seconds int64
	_, err = fmt.Sscan(commit, &r.revision, &seconds)
	r.time = time.Unix(seconds, 0).UTC()
	return err
}

// command is a command in the repository whose messages are shown. make builds the pinned tools there.
func (r *release) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stderr = r.root, os.Stderr
	return cmd
}

func (r *release) git(ctx context.Context, args ...string) (string, error) {
	output, err := r.command(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(output)), nil
}

// read reads a file of the repository.
func (r *release) read(name string) ([]byte, error) { return os.ReadFile(filepath.Join(r.root, name)) }
