package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// about is what the image says of itself.
type about struct {
	packages []string // the commands that it holds
	name     string   // with its tag
	revision string   // a commit; may be empty
	created  time.Time
}

// complete fills in what the command line left open.
func (a *about) complete(root, epoch string) (err error) {
	if a.created, err = parseEpoch(epoch); err != nil {
		return err
	}
	if a.name == "" {
		a.name, err = deployedName(root)
	}
	if err == nil && a.version() == "" {
		err = fmt.Errorf("--name: %q has no tag", a.name)
	}
	return err
}

// deployedName is the image that config/manager deploys.
func deployedName(root string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, "config", "manager", "kustomization.yaml"))
	if err != nil {
		return "", err
	}
	var kustomization struct {
		Images []struct{ NewName, NewTag string }
	}
	if err := yaml.Unmarshal(text, &kustomization); err != nil {
		return "", err
	}
	if len(kustomization.Images) != 1 {
		return "", fmt.Errorf("config/manager names %d images; choose with --name", len(kustomization.Images))
	}
	return kustomization.Images[0].NewName + ":" + kustomization.Images[0].NewTag, nil
}

// version is the tag; a colon before the last slash belongs to a registry's port.
func (a about) version() string {
	_, tag, _ := strings.Cut(a.name[strings.LastIndex(a.name, "/")+1:], ":")
	return tag
}

// isOperator says whether this is what clusters run, and not a maintainer's tool.
func (a about) isOperator() bool { return slices.Equal(a.packages, servers) }

// labels are those of the OCI image specification, annotations.md.
func (a about) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	labels := map[string]string{
		prefix + "source":   "https://github.com/xtracta/billing-operator",
		prefix + "vendor":   "Xtracta",
		prefix + "licenses": "Apache-2.0",
		prefix + "version":  a.version(),
		prefix + "created":  a.created.Format(time.RFC3339),
	}
	if a.isOperator() {
		labels[prefix+"title"] = "billing-operator"
		labels[prefix+"description"] = "Keeps temporary URLs of Xtracta's billing page at hand, declared as BillingSessions"
	}
	if a.revision != "" {
		labels[prefix+"revision"] = a.revision
	}
	return labels
}

func parseEpoch(text string) (time.Time, error) {
	if text == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is no number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
