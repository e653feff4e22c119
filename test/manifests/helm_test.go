package manifests_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/util/jsonpath"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const release = operatorName

var chart = env.Path("config", "chart")

// helm runs the pinned helm with values on its standard input. Nothing that helm keeps on this
// machine counts.
func helm(t *testing.T, values string, args ...string) (string, error) {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), env.Tool(t, "helm"), args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home,
		"KUBECONFIG="+cluster(t).KubeconfigPath())
	cmd.Stdin = strings.NewReader(values)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	text, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("helm %s: %w\n%s", args[0], err, &complaints)
	}
	return string(text), nil
}

// rendered are the objects of a release with these values, in YAML.
func rendered(t *testing.T, values string) manifests.Manifest {
	t.Helper()
	return parse(t, mustTemplate(t, chart, values))
}

// mustTemplate is what a chart renders with these values, byte for byte.
func mustTemplate(t *testing.T, chart, values string) string {
	t.Helper()
	text, err := template(t, release, chart, systemNamespace, values)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func template(t *testing.T, release, chart, namespace, values string) (string, error) {
	t.Helper()
	return helm(t, values, "template", release, chart, "--namespace", namespace, "--values", "-")
}

func parse(t *testing.T, text string) manifests.Manifest {
	t.Helper()
	objects, err := manifests.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// find is what the objects hold at a path, as kubectl -o jsonpath would print it, with a space
// between objects.
func find(t *testing.T, objects manifests.Manifest, path string) string {
	t.Helper()
	query := jsonpath.New("").AllowMissingKeys(true)
	if err := query.Parse(path); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, object := range objects {
		var text bytes.Buffer
		if err := query.Execute(&text, object.Object); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text.String())
	}
	return strings.Join(texts, " ")
}

// chartFile is a file of the chart.
func chartFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// chartWith is a chart in which one file is another.
func chartWith(t *testing.T, name, text string) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "billing-operator")
	err := os.CopyFS(folder, os.DirFS(chart))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, filepath.FromSlash(name)), []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

// appVersion is the tag of the image that the chart deploys.
func appVersion(t *testing.T) string {
	t.Helper()
	return parsed(t, chartFile(t, "Chart.yaml"))["appVersion"].(string)
}

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func marshalled(t *testing.T, values map[string]any) string {
	t.Helper()
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
