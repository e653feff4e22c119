package manifests_test

import (
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The real helm does to an API server what people do over the years. Each step
// stands on the one before. The cluster has a CustomResourceDefinition already, which is taken over.
func TestLifeOfAnInstall(t *testing.T) {
	for _, step := range []struct {
		why, values string
		args        []string
	}{
		{"a first install, from when the CustomResourceDefinition had another short name", "",
			[]string{"install", "life", olderChart(t), "--namespace", "platform", "--create-namespace", "--take-ownership", "--force-conflicts"}},
		{"a team's own install, of the same name, beside it", `{watchNamespaces: [team], crds: {enabled: false}}`,
			[]string{"install", "life", chart, "--namespace", "team", "--create-namespace"}},
		{"an upgrade, which must bring the CustomResourceDefinition along", "",
			[]string{"upgrade", "life", chart, "--namespace", "platform"}},
	} {
		helmMust(t, step.why, step.values, step.args...)
		hasShortName := slices.Contains(definition(t).Spec.Names.ShortNames, "bsess")
		if wanted := step.args[0] == "upgrade"; hasShortName != wanted {
			t.Errorf("%s: the CustomResourceDefinition has today's short name: %t, want %t", step.why, hasShortName, wanted)
		}
	}

	helmMust(t, "an end", "", "uninstall", "life", "--namespace", "platform")
	if definition(t).DeletionTimestamp != nil {
		t.Error("uninstalling deletes the CustomResourceDefinition, and with it every session")
	}
	helmMust(t, "a second thought", "", "install", "life", chart, "--namespace", "platform")
}

func helmMust(t *testing.T, why, values string, args ...string) string {
	t.Helper()
	if values != "" {
		args = append(args, "--values", "-")
	}
	said, err := helm(t, values, args...)
	if err != nil {
		t.Fatalf("%s: %v", why, err)
	}
	return said
}

// olderChart has a CustomResourceDefinition with another short name.
func olderChart(t *testing.T) string {
	t.Helper()
	const crd, shortName = "files/crd.yaml", "    - bsess\n"
	before, after, found := strings.Cut(chartFile(t, crd), shortName)
	if !found {
		t.Fatalf("there is no %q", shortName)
	}
	return chartWith(t, crd, before+"    - older\n"+after)
}

func definition(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	found := &apiextensionsv1.CustomResourceDefinition{}
	if err := strictClient(t).Get(t.Context(), client.ObjectKey{Name: crdName}, found); err != nil {
		t.Fatal(err)
	}
	return found
}
