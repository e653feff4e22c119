package manifests_test

import (
	"fmt"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apimachinery/pkg/util/version"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"sigs.k8s.io/yaml"
)

func TestReleasesOfKubernetes(t *testing.T) {
	for version, works := range map[string]bool{
		"v1.32.0-rc.1": true, "v1.32.9-eks-113cf36": true, "v1.34.1+k3s1": true, "v2.0.0": true,
		"v1.31.14": false, "v1.31.14-eks-113cf36": false,
	} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			if _, err := helm(t, "", "template", release, chart, "--kube-version", version); (err == nil) != works {
				t.Errorf("%v; want it to work: %t", err, works)
			}
		})
	}
}

// The oldest release is the first whose API server accepts the rules of the
// CustomResourceDefinition. In a new rule it lets only that be used which the
// release before it has, too, so that one can go back.
func TestOldestReleaseOfKubernetes(t *testing.T) {
	oldest := 0
	for minor := 40; minor >= 28 && rulesCompile(t, version.MajorMinor(1, uint(minor-1))); minor-- {
		oldest = minor
	}
	got := parsed(t, chartFile(t, "Chart.yaml"))["kubeVersion"]
	if want := fmt.Sprintf(">=1.%d.0-0", oldest); got != want {
		t.Errorf("kubeVersion is %q, but the CustomResourceDefinition needs %q", got, want)
	}
}

func rulesCompile(t *testing.T, known *version.Version) bool {
	t.Helper()
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.Unmarshal([]byte(chartFile(t, "files/crd.yaml")), crd); err != nil {
		t.Fatal(err)
	}
	props := &apiextensions.JSONSchemaProps{}
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, props, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(props)
	if err != nil {
		t.Fatal(err)
	}
	return compile(t, structural, true, environment.MustBaseEnvSet(known))
}

func compile(t *testing.T, node *schema.Structural, isRoot bool, known *environment.EnvSet) bool {
	t.Helper()
	results, err := cel.Compile(node, model.SchemaDeclType(node, isRoot), celconfig.PerCallLimit, known, cel.NewExpressionsEnvLoader())
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range results {
		if result.Error != nil {
			return false
		}
	}
	for _, property := range node.Properties {
		if !compile(t, &property, false, known) {
			return false
		}
	}
	return node.Items == nil || compile(t, node.Items, false, known)
}
