package helm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	release         = "billing-operator"
	systemNamespace = "billing-operator-system"
)

var chart = filepath.Join(root, "config", "chart")

// helmHome is where helm keeps what it keeps, so that nothing on this machine counts.
var helmHome string

// manifest is what a tool rendered, in the order of its output.
type manifest []*unstructured.Unstructured

// rendered is the chart with these values, in YAML.
func rendered(t *testing.T, values string) manifest {
	t.Helper()
	output, err := template(t, release, values)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, output)
}

func template(t *testing.T, release, values string) ([]byte, error) {
	t.Helper()
	return helm(t, values, "template", release, chart, "--namespace", systemNamespace, "--values", "-")
}

// helm runs the pinned helm with values on its standard input.
func helm(t *testing.T, values string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "tools", "helm"), args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+helmHome, "HELM_CONFIG_HOME="+helmHome, "HELM_DATA_HOME="+helmHome,
		"KUBECONFIG="+cluster.KubeconfigPath())
	cmd.Stdin = strings.NewReader(values)
	return output(cmd)
}

func kustomized(t *testing.T, folder string) manifest {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "bin", "tools", "kustomize"), "build", filepath.Join(root, "config", folder))
	text, err := output(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

func output(cmd *exec.Cmd) ([]byte, error) {
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", filepath.Base(cmd.Path), cmd.Args[1], err, &complaints)
	}
	return text, nil
}

func parse(t *testing.T, text []byte) manifest {
	t.Helper()
	objects, err := manifests.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// ofKind returns the objects of a kind; there may be none.
func (m manifest) ofKind(kind string) (found manifest) {
	return slices.DeleteFunc(slices.Clone(m), func(o *unstructured.Unstructured) bool { return o.GetKind() != kind })
}
