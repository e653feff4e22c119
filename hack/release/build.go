package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const checksums = "SHA256SUMS"

var (
	imagePlatforms  = []string{"linux/amd64", "linux/arm64"}
	pluginPlatforms = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
)

// release is one version of the operator.
type release struct {
	root, dist                string // the repository, empty for this folder; where the release is written
	version                   string
	platforms, imagePlatforms []string

	revision string    // the commit
	time     time.Time // of the commit: no file has another
}

// build writes all files of the release. A release without its checksums is not complete.
func (r *release) build(ctx context.Context) error {
	if err := r.identify(ctx); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(r.file("")), os.MkdirAll(r.file(""), 0o755)); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"release notes", r.writeNotes},
		{"install.yaml", r.writeInstall},
		{"chart", r.writeChart},
		{"JSON schema", r.writeSchema},
		{"plugin", r.writePlugins},
		{"image", r.writeImage},
		{"checksums", r.writeChecksums},
	} {
		say("%s ...", step.what)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	say("%s is in %s", r.version, r.file(""))
	return nil
}

// say reports progress.
func say(format string, values ...any) { fmt.Fprintf(os.Stderr, format+"\n", values...) }

// file is the path of a file of the release.
func (r *release) file(name string) string { return filepath.Join(r.dist, r.version, name) }

func (r *release) write(name string, content []byte) error {
	return os.WriteFile(r.file(name), content, 0o644)
}

// writeChecksums writes the digests of all files, for "sha256sum --check".
func (r *release) writeChecksums(context.Context) error {
	entries, err := os.ReadDir(r.file("")) // sorted by name
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(r.file(entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", digest(content), entry.Name())
	}
	return r.write(checksums, []byte(text.String()))
}

func digest(content []byte) string { return fmt.Sprintf("%x", sha256.Sum256(content)) }
