package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// writeManifests writes what config/default installs as one file.
func (r *release) writeManifests(ctx context.Context) error {
	cmd := r.command(ctx, r.tool("kustomize"), "build", "config/default")
	manifests, err := cmd.Output()
	if err != nil {
		return err
	}
	return r.write("install.yaml", manifests)
}

// writeChart packages the files of the chart that belong to the commit. Helm keeps their
// times, so they are given the time of the commit.
func (r *release) writeChart(ctx context.Context) error {
	tracked, err := r.output(ctx, "git", "ls-files", "-z", "--", "config/chart")
	if err != nil {
		return err
	}
	copied, err := os.MkdirTemp("", "chart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(copied)
	for name := range strings.SplitSeq(strings.TrimRight(tracked, "\x00"), "\x00") {
		if err := r.copyFile(name, filepath.Join(copied, name)); err != nil {
			return err
		}
	}
	folder, err := filepath.Abs(r.folder)
	if err != nil {
		return err
	}
	cmd := r.command(ctx, r.tool("helm"), "package", filepath.Join(copied, "config", "chart"), "--destination", folder)
	cmd.Stdout = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	// What pushes the chart tells the registry this time.
	return os.Chtimes(filepath.Join(folder, r.chart()), r.time, r.time)
}

// chart is the file of the chart. Helm's versions have no "v".
func (r *release) chart() string {
	return "billing-operator-" + strings.TrimPrefix(r.version, "v") + ".tgz"
}

func (r *release) copyFile(name, target string) error {
	content, err := r.read(filepath.FromSlash(name))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(target, content, 0o644); err != nil {
		return err
	}
	return os.Chtimes(target, r.time, r.time)
}
