package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

// writePlugins builds the plugin for each platform. Each archive has its own SBOM.
func (r *release) writePlugins(ctx context.Context) error {
	license, err := r.read("LICENSE")
	if err != nil {
		return err
	}
	for _, platform := range r.platforms {
		program, err := r.compile(ctx, "./cmd/kubectl-billing", platform)
		if err != nil {
			return err
		}
		files := []file{{"LICENSE", 0o644, license}, {pluginProgram(platform), 0o755, program}}
		content, err := archive(r.pluginArchive(platform), files, r.time)
		if err != nil {
			return err
		}
		if err := r.write(r.pluginArchive(platform), content); err != nil {
			return err
		}
		if err := r.writeSBOM(r.pluginArchive(platform), "ARCHIVE", content, [][]byte{program}); err != nil {
			return err
		}
	}
	return nil
}

// pluginArchive is the file with the plugin. Windows opens zip files by itself.
func (r *release) pluginArchive(platform string) string {
	extension := ".tar.gz"
	if strings.HasPrefix(platform, "windows/") {
		extension = ".zip"
	}
	return "kubectl-billing_" + r.version + "_" + strings.ReplaceAll(platform, "/", "_") + extension
}

func pluginProgram(platform string) string {
	if strings.HasPrefix(platform, "windows/") {
		return "kubectl-billing.exe"
	}
	return "kubectl-billing"
}

func (r *release) compile(ctx context.Context, pkg, platform string) ([]byte, error) {
	operatingSystem, architecture, found := strings.Cut(platform, "/")
	if !found {
		return nil, fmt.Errorf("%q is not an operating system and an architecture, such as linux/amd64", platform)
	}
	say("  %s for %s", pkg, platform)
	dir, err := os.MkdirTemp("", "plugin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	target := filepath.Join(dir, "program")
	err = gobuild.Static{
		Root: r.root, Package: pkg, OS: operatingSystem, Arch: architecture, Version: r.version, Revision: r.revision,
	}.Build(ctx, target)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(target)
}
