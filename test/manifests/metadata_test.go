package manifests_test

import (
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// Installing the chart does not show whether what Artifact Hub shows of it is true.
func TestTheChartIsShownAsItIs(t *testing.T) {
	metadata := parsed(t, chartFile(t, "Chart.yaml"))
	annotations := metadata["annotations"].(map[string]any)
	read := func(name string, into any) {
		if err := yaml.Unmarshal([]byte(annotations["artifacthub.io/"+name].(string)), into); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var crds []struct{ Kind, Version, Name string }
	read("crds", &crds)
	served := manifests.Only[apiextensionsv1.CustomResourceDefinition](t, rendered(t, ""), "CustomResourceDefinition")
	if len(crds) != 1 || crds[0].Name != served.Name || crds[0].Kind != served.Spec.Names.Kind || crds[0].Version != served.Spec.Versions[0].Name {
		t.Errorf("it is shown with %+v, and has %s", crds, served.Name)
	}
	var examples []map[string]any
	read("crdsExamples", &examples)
	for _, example := range examples {
		expectAccepted(t, manifests.Manifest{&unstructured.Unstructured{Object: example}})
	}
	var links []struct{ Name, URL string }
	read("links", &links)
	if len(links) == 0 || len(examples) == 0 {
		t.Errorf("there are %d links and %d examples", len(links), len(examples))
	}
	const files = "https://raw.githubusercontent.com/xtracta/billing-operator/main/config/chart/"
	if icon, ours := strings.CutPrefix(metadata["icon"].(string), files); !ours || !strings.Contains(chartFile(t, icon), "<svg") {
		t.Errorf("the icon %s is not in the chart", metadata["icon"])
	}
}
