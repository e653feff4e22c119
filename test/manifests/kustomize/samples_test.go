package kustomize

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// A field that is added to the API must not be forgotten in the sample that
// claims to show them all, each with a comment.
func TestFullSampleShowsEveryField(t *testing.T) {
	crd := manifests.Find[apiextensionsv1.CustomResourceDefinition](t, manifests.Rendered(t, "crd"),
		"CustomResourceDefinition", "billingsessions.billing.xtracta.com")
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

func TestConsumerSeesRenewals(t *testing.T) {
	objects := manifests.Rendered(t, "samples")
	session := manifests.Find[v1alpha1.BillingSession](t, objects, "BillingSession", "acme")
	pod := manifests.Find[appsv1.Deployment](t, objects, "Deployment", "acme-consumer").Spec.Template.Spec

	if len(pod.Volumes) != 1 || pod.Volumes[0].Secret == nil || pod.Volumes[0].Secret.SecretName != session.Name {
		t.Fatalf("volumes are %+v, want the Secret that session %s generates", pod.Volumes, session.Name)
	}
	if items := pod.Volumes[0].Secret.Items; len(items) != 0 {
		t.Errorf("only %+v of the Secret are mounted", items)
	}
	for _, container := range pod.Containers {
		for _, mount := range container.VolumeMounts {
			if mount.SubPath != "" || mount.SubPathExpr != "" {
				t.Errorf("mount %s has a subPath, which never follows a renewal", mount.Name)
			}
		}
		if len(container.Env)+len(container.EnvFrom) > 0 {
			t.Errorf("container %s has an environment, which never follows a renewal", container.Name)
		}
	}
}

// Reloader restarts pods whose Secret changes, which a generated Secret does at each renewal.
func TestReloaderIsKeptAway(t *testing.T) {
	const reloader = "reloader.stakater.com/"
	objects := manifests.Rendered(t, "samples")
	session := manifests.Find[v1alpha1.BillingSession](t, objects, "BillingSession", "umbrella")
	if got := session.Spec.SecretTemplate.Annotations[reloader+"ignore"]; got != "true" {
		t.Errorf("%signore is %q in the generated Secret", reloader, got)
	}
	for _, deployment := range manifests.All[appsv1.Deployment](t, objects, "Deployment") {
		for _, annotations := range []map[string]string{deployment.Annotations, deployment.Spec.Template.Annotations} {
			for name := range annotations {
				if strings.Contains(name, reloader) {
					t.Errorf("%s asks Reloader for restarts by %s", deployment.Name, name)
				}
			}
		}
	}
}
