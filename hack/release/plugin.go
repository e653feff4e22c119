package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"
	"text/template"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

// plugin is the plugin for one platform, in an archive.
type plugin struct{ OS, Arch, Program, Archive, SHA256 string }

// writePlugins builds the plugin for each platform, and writes the manifest that krew installs it by.
func (r *release) writePlugins(ctx context.Context) error {
	var plugins []plugin
	for _, platform := range r.platforms {
		say("  for %s", platform)
		p, err := r.writePlugin(ctx, platform)
		if err != nil {
			return err
		}
		plugins = append(plugins, p)
	}
	return r.writeKrewManifest(plugins)
}

// writePlugin writes the archive with its bill of materials.
func (r *release) writePlugin(ctx context.Context, platform string) (p plugin, err error) {
	license, err := r.read("LICENSE")
	if err != nil {
		return p, err
	}
	program, err := gobuild.Static{
		Root: r.root, Package: "./cmd/kubectl-billing", Platform: platform, Version: r.version, Revision: r.revision,
	}.Build(ctx)
	if err != nil {
		return p, err
	}
	p = r.plugin(platform)
	content, err := archive(p.Archive, fstest.MapFS{
		"LICENSE": {Data: license, Mode: 0o644, ModTime: r.time},
		p.Program: {Data: program, Mode: 0o755, ModTime: r.time},
	})
	if err != nil {
		return p, err
	}
	p.SHA256 = digest(content)
	return p, r.writeArtifact(p.Archive, cyclonedx.ComponentTypeApplication, content, [][]byte{program})
}

// plugin names what there is for a platform. Windows opens zip files by itself.
func (r *release) plugin(platform string) plugin {
	p := plugin{Program: "kubectl-billing"}
	p.OS, p.Arch, _ = strings.Cut(platform, "/")
	extension := ".tar.gz"
	if p.OS == "windows" {
		p.Program, extension = p.Program+".exe", ".zip"
	}
	p.Archive = fmt.Sprintf("kubectl-billing_%s_%s_%s%s", r.version, p.OS, p.Arch, extension)
	return p
}

// archive returns an archive in the format of its name's extension. It holds nothing of
// the machine.
func archive(name string, files fs.FS) ([]byte, error) {
	var buffer bytes.Buffer
	if strings.HasSuffix(name, ".zip") {
		writer := zip.NewWriter(&buffer)
		err := errors.Join(writer.AddFS(files), writer.Close())
		return buffer.Bytes(), err
	}
	compressed := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(compressed)
	err := errors.Join(writer.AddFS(files), writer.Close(), compressed.Close())
	return buffer.Bytes(), err
}

//go:embed krew.yaml
var krewManifest string

func (r *release) writeKrewManifest(plugins []plugin) error {
	manifest, err := template.New("krew.yaml").Parse(krewManifest)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := manifest.Execute(&text, map[string]any{"Version": r.version, "Plugins": plugins}); err != nil {
		return err
	}
	return r.write("billing.yaml", text.Bytes()) // krew wants the plugin's name
}
