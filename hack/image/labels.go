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

// imageSpec is what an image holds, and what its labels say.
type imageSpec struct {
	packages []string // the commands in the image
	name     string   // including the tag
	revision string   // a commit; may be empty
	created  time.Time
}

// complete sets what the command line did not, and checks the result.
func (s *imageSpec) complete(root, epoch string) (err error) {
	if s.created, err = parseEpoch(epoch); err != nil {
		return err
	}
	if s.name == "" {
		s.name, err = deployedName(root)
	}
	if err == nil && s.version() == "" {
		err = fmt.Errorf("--name: %q has no tag", s.name)
	}
	return err
}

// deployedName returns the image that config/manager deploys.
func deployedName(root string) (string, error) {
	content, err := os.ReadFile(filepath.Join(root, "config", "manager", "kustomization.yaml"))
	if err != nil {
		return "", err
	}
	var kustomization struct {
		Images []struct{ NewName, NewTag string }
	}
	if err := yaml.Unmarshal(content, &kustomization); err != nil {
		return "", err
	}
	if len(kustomization.Images) != 1 {
		return "", fmt.Errorf("config/manager names %d images; choose one with --name", len(kustomization.Images))
	}
	return kustomization.Images[0].NewName + ":" + kustomization.Images[0].NewTag, nil
}

// version returns the tag. A colon before the last slash belongs to the registry's port.
func (s imageSpec) version() string {
	_, tag, _ := strings.Cut(s.name[strings.LastIndex(s.name, "/")+1:], ":")
	return tag
}

// isOperator reports whether the image is the operator, and not a maintainer's tool.
func (s imageSpec) isOperator() bool { return slices.Equal(s.packages, servers) }

// labels returns the labels that annotations.md of the OCI image specification defines.
func (s imageSpec) labels() map[string]string {
	const prefix = "org.opencontainers.image."
	labels := map[string]string{
		prefix + "source":   "https://github.com/xtracta/billing-operator",
		prefix + "vendor":   "Xtracta",
		prefix + "licenses": "Apache-2.0",
		prefix + "version":  s.version(),
		prefix + "created":  s.created.Format(time.RFC3339),
	}
	if s.isOperator() {
		labels[prefix+"title"] = "billing-operator"
		labels[prefix+"description"] = "Keeps temporary URLs of Xtracta's billing page at hand, declared as BillingSessions"
	}
	if s.revision != "" {
		labels[prefix+"revision"] = s.revision
	}
	return labels
}

func parseEpoch(value string) (time.Time, error) {
	if value == "" {
		return time.Unix(0, 0).UTC(), nil
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %q is not a number of seconds", value)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
