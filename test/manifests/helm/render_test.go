package helm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	release         = "billing-operator"
	systemNamespace = "billing-operator-system"
)

var chart = env.Path("config", "chart")

// rendered is the chart with these values, in YAML.
func rendered(t *testing.T, values string) manifests.Manifest {
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

// helm runs the pinned helm with values on its standard input. Nothing that helm keeps on this
// machine counts.
func helm(t *testing.T, values string, args ...string) ([]byte, error) {
	t.Helper()
	path, err := pinned()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home,
		"KUBECONFIG="+cluster(t).KubeconfigPath())
	cmd.Stdin = strings.NewReader(values)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("helm %s: %w\n%s", args[0], err, &complaints)
	}
	return text, nil
}

func parse(t *testing.T, text []byte) manifests.Manifest {
	t.Helper()
	objects, err := manifests.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
