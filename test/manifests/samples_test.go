package manifests_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// A field that is added to the API must not be forgotten in the sample that
// claims to show them all, each with a comment.
func TestFullSampleShowsEveryField(t *testing.T) {
	crd := manifests.Find[apiextensionsv1.CustomResourceDefinition](t, manifests.Rendered(t, "crd"),
		"CustomResourceDefinition", crdName)
	declared := fieldsOf(crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"], "spec")

	shown := map[string]bool{} // field → whether a comment explains it
	readFields(sampleSpec(t, "full.yaml"), "spec", shown)
	for _, field := range declared {
		switch commented, ok := shown[field]; {
		case !ok:
			t.Errorf("full.yaml does not show %s", field)
		case !commented:
			t.Errorf("full.yaml has no comment on %s", field)
		}
	}
	if len(declared) < 10 {
		t.Errorf("the schema declares only %q: it was not read right", declared)
	}
}

// fieldsOf lists what a schema declares. Maps are fields, their keys are not.
func fieldsOf(schema apiextensionsv1.JSONSchemaProps, path string) (fields []string) {
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		field := path + "." + name
		fields = append(append(fields, field), fieldsOf(schema.Properties[name], field)...)
	}
	return fields
}

func readFields(node *yaml.Node, path string, into map[string]bool) {
	if node.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := path + "." + key.Value
		into[field] = key.HeadComment != "" || value.LineComment != ""
		readFields(value, field, into)
	}
}

// sampleSpec is the spec of the session that a sample begins with.
func sampleSpec(t *testing.T, file string) *yaml.Node {
	t.Helper()
	text, err := os.ReadFile(env.Path("config", "samples", file))
	if err != nil {
		t.Fatal(err)
	}
	var session struct {
		Spec yaml.Node `yaml:"spec"`
	}
	if err := yaml.Unmarshal(text, &session); err != nil {
		t.Fatal(err)
	}
	return &session.Spec
}

func TestSamplesFollowRenewals(t *testing.T) {
	const consumer, link = "samples", "samples/link"
	for why, row := range map[string]struct {
		at   place
		want string
	}{
		"the consumer mounts the whole Secret of session acme": {place{consumer, "Deployment", "{.spec.template.spec.volumes[*]['secret']}"}, `{"secretName":"acme"}`},
		"a subPath or an environment never follows a renewal":  {place{consumer, "Deployment", "{..subPath}{..subPathExpr}{..env}{..envFrom}"}, ""},
		"the link mounts a whole Secret":                       {place{link, "Deployment", "{.spec.template.spec.volumes[*]['secret']}"}, `{"optional":true,"secretName":"acme"}`},
		"nor does the link with a subPath or an environment":   {place{link, "Deployment", "{..subPath}{..subPathExpr}{.spec.template.spec.containers[0].env}{.spec.template.spec.containers[0].envFrom}"}, ""},
		// Reloader restarts pods whose Secret changes, which a generated Secret does at each renewal.
		"nobody asks Reloader for restarts": {place{consumer, "Deployment", "{..annotations}"}, ""},
		"one session keeps Reloader away":   {place{consumer, "BillingSession", `{.spec.secretTemplate.annotations.reloader\.stakater\.com/ignore}`}, "true"},
	} {
		if got := strings.TrimSpace(row.at.find(t)); got != row.want {
			t.Errorf("%s: %s of %s is %q, want %q", why, row.at.path, row.at.sample, got, row.want)
		}
	}
}
