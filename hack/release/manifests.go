package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// writeManifests writes what config/default installs as one file, and the chart. Both are made from
// a copy in which the release's version is set.
func (r *release) writeManifests(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "manifests-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The copy has what belongs to the commit, with its time, which Helm keeps.
	if err := r.command(ctx, "sh", "-c", `git archive HEAD config | tar -xf - -C "$0"`, dir).Run(); err != nil {
		return err
	}
	config := filepath.Join(dir, "config")
	if err := r.writeInstall(ctx, config); err != nil {
		return err
	}
	return r.writeChart(ctx, filepath.Join(config, "chart"))
}

func (r *release) writeInstall(ctx context.Context, config string) error {
	for _, folder := range []string{"crd", "manager"} {
		file := filepath.Join(config, folder, "kustomization.yaml")
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		released := strings.ReplaceAll(string(text), ": "+development, ": "+r.version)
		if released == string(text) {
			return fmt.Errorf("config/%s has no %q in the place of the version", folder, development)
		}
		if err := os.WriteFile(file, []byte(released), 0o644); err != nil {
			return err
		}
	}
	manifests, err := r.command(ctx, r.tool("kustomize"), "build", filepath.Join(config, "default")).Output()
	if err != nil {
		return err
	}
	return r.write("install.yaml", manifests)
}

func (r *release) writeChart(ctx context.Context, chart string) error {
	if err := r.describeChart(filepath.Join(chart, "Chart.yaml")); err != nil {
		return err
	}
	folder, err := filepath.Abs(r.folder)
	if err != nil {
		return err
	}
	cmd := r.command(ctx, r.tool("helm"), "package", chart, "--destination", folder)
	cmd.Stdout = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	// What pushes the chart tells the registry this time.
	return os.Chtimes(filepath.Join(folder, r.chart()), r.time, r.time)
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
	changes, err := yaml.Marshal(changesOf(r.notes))
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
