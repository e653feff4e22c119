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
type plugin struct{ OS, Arch, Program, Archive, URI, SHA256 string }

// plugin names what there is for a platform. Windows opens zip files by itself.
func (r *release) plugin(platform string) (plugin, error) {
	p := plugin{Program: "kubectl-billing"}
	extension, found := ".tar.gz", false
	if p.OS, p.Arch, found = strings.Cut(platform, "/"); !found {
		return p, fmt.Errorf("%q is not an operating system and an architecture, such as linux/amd64", platform)
	}
	if p.OS == "windows" {
		p.Program, extension = p.Program+".exe", ".zip"
	}
	p.Archive = fmt.Sprintf("kubectl-billing_%s_%s_%s%s", r.version, p.OS, p.Arch, extension)
	p.URI = r.download(p.Archive)
	return p, nil
}

// writePlugins builds the plugin for each platform.
func (r *release) writePlugins(ctx context.Context) error {
	for _, platform := range r.platforms {
		p, err := r.plugin(platform)
		if err != nil {
			return err
		}
		if p.SHA256, err = r.writePlugin(ctx, p); err != nil {
			return err
		}
		r.plugins = append(r.plugins, p)
	}
	return nil
}

// writePlugin writes the archive with its bill of materials, and returns its digest.
func (r *release) writePlugin(ctx context.Context, p plugin) (string, error) {
	license, err := r.read("LICENSE")
	if err != nil {
		return "", err
	}
	say("  for %s/%s", p.OS, p.Arch)
	program, err := gobuild.Static{
		Root: r.root, Package: "./cmd/kubectl-billing", OS: p.OS, Arch: p.Arch, Version: r.version, Revision: r.revision,
	}.Build(ctx)
	if err != nil {
		return "", err
	}
	content, err := archive(p.Archive, fstest.MapFS{
		"LICENSE": {Data: license, Mode: 0o644, ModTime: r.time},
		p.Program: {Data: program, Mode: 0o755, ModTime: r.time},
	})
	if err != nil {
		return "", err
	}
	if err := r.write(p.Archive, content); err != nil {
		return "", err
	}
	return digest(content), r.writeBill(p.Archive, cyclonedx.ComponentTypeApplication, content, [][]byte{program})
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

// writeKrewManifest writes what kubectl's plugin manager, krew, installs the plugin from.
func (r *release) writeKrewManifest(context.Context) error {
	manifest, err := template.New("krew.yaml").Parse(krewManifest)
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := manifest.Execute(&text, map[string]any{"Version": r.version, "Plugins": r.plugins}); err != nil {
		return err
	}
	return r.write("billing.yaml", text.Bytes()) // krew wants the plugin's name
}
