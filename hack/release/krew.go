package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// writeKrewManifest writes what kubectl's plugin manager, krew, installs the plugin from.
func (r *release) writeKrewManifest(context.Context) error {
	type platform struct{ OS, Architecture, URI, SHA256, Program string }
	data := struct {
		Version, Repository string
		Platforms           []platform
	}{r.version, repository, nil}
	for _, name := range r.platforms {
		operatingSystem, architecture, _ := strings.Cut(name, "/")
		content, err := os.ReadFile(filepath.Join(r.folder, r.pluginArchive(name)))
		if err != nil {
			return err
		}
		data.Platforms = append(data.Platforms, platform{
			OS: operatingSystem, Architecture: architecture, Program: pluginProgram(name),
			URI: r.download(r.pluginArchive(name)), SHA256: fmt.Sprintf("%x", sha256.Sum256(content)),
		})
	}
	var text bytes.Buffer
	if err := krewManifest.Execute(&text, data); err != nil {
		return err
	}
	return r.write("billing.yaml", text.Bytes()) // krew wants the plugin's name
}

var krewManifest = template.Must(template.New("").Parse(`apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: billing
spec:
  version: {{.Version}}
  homepage: {{.Repository}}
  shortDescription: Open and renew Xtracta billing sessions
  description: |
    Lists BillingSessions, opens and renews the temporary URLs of Xtracta's billing page
    that they keep alive, suspends and resumes them, and explains what the operator does
    next and why.
  caveats: |
    The plugin works with clusters in which the billing operator is installed:
    {{.Repository}}
  platforms:
{{- range .Platforms}}
  - selector:
      matchLabels:
        os: {{.OS}}
        arch: {{.Architecture}}
    uri: {{.URI}}
    sha256: {{.SHA256}}
    bin: {{.Program}}
    files:
    - from: {{.Program}}
      to: .
    - from: LICENSE
      to: .
{{- end}}
`))
