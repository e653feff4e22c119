package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// developmentVersion matches the version that the sources have. No longer line ends with it.
var developmentVersion = regexp.MustCompile(`(?m)\b` + development + `$`)

// writeInstall writes what config/default installs as one file.
func (r *release) writeInstall(ctx context.Context) error {
	manifests, err := r.command(ctx, "bin/tools/kustomize", "build", "config/default").Output()
	if err != nil {
		return err
	}
	return r.write("install.yaml", developmentVersion.ReplaceAll(manifests, []byte(r.version)))
}

// writeChart packages a copy of the chart in which the release's version is set.
func (r *release) writeChart(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "chart-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The copy has what belongs to the commit, with its time, which Helm keeps.
	if err := r.command(ctx, "sh", "-c", `git -C config/chart archive HEAD | tar -xf - -C "$0"`, dir).Run(); err != nil {
		return err
	}
	if err := r.describeChart(filepath.Join(dir, "Chart.yaml")); err != nil {
		return err
	}
	helm := r.command(ctx, "bin/tools/helm", "package", dir, "--destination", r.file(""))
	helm.Stdout = os.Stderr
	if err := helm.Run(); err != nil {
		return err
	}
	// What pushes the chart tells the registry this time.
	return os.Chtimes(r.file(r.chart()), r.time, r.time)
}

// describeChart writes the version, and what is new in it, to the chart's metadata.
func (r *release) describeChart(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var chart map[string]any
	if err := yaml.Unmarshal(text, &chart); err != nil {
		return err
	}
	notes, err := r.notes()
	if err != nil {
		return err
	}
	changes, err := yaml.Marshal(changesOf(notes))
	if err != nil {
		return err
	}
	chart["version"], chart["appVersion"] = strings.TrimPrefix(r.version, "v"), r.version
	chart["annotations"].(map[string]any)["artifacthub.io/changes"] = string(changes)
	if text, err = yaml.Marshal(chart); err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return err
	}
	return os.Chtimes(file, r.time, r.time)
}

// chart is the file of the chart. Helm's versions have no "v".
func (r *release) chart() string {
	return "billing-operator-" + strings.TrimPrefix(r.version, "v") + ".tgz"
}
