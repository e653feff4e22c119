package helm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// parents are values of a chart that has this one as a part, twice.
var parents = []struct {
	name, why, values string
	deployments       string
}{
	{"defaults", "both have names of their own", ``, "platform-billing-operator platform-billing-eu"},
	{"the first", "the condition of the other is false", `billing_EU: {enabled: false}`, "platform-billing-operator"},
	{"the other", "an alias is a name", `billing-operator: {enabled: false}`, "platform-billing-eu"},
	{"none", "both conditions are false", `{billing-operator: {enabled: false}, billing_EU: {enabled: false}}`, ""},
	{"conditions that are true", "they say what holds anyway", `{billing-operator: {enabled: true}, billing_EU: {enabled: true}}`,
		"platform-billing-operator platform-billing-eu"},
	{"global values", "those of other charts are none of our business",
		`global: {imageRegistry: mirror.example.com, imagePullSecrets: [{name: mirror}], storageClass: fast, postgresql: {auth: {database: a}}}`,
		"platform-billing-operator platform-billing-eu"},
	{"no global values", "null is as good as none", `global: null`, "platform-billing-operator platform-billing-eu"},
	{"nulls", "a parent's defaults are taken away by them",
		`billing-operator: {image: null, resources: {limits: {memory: null}}, replicaCount: null, crds: {keep: null}, global: null, enabled: null}`,
		"platform-billing-operator platform-billing-eu"},
}

func TestPartOfAnotherChart(t *testing.T) {
	parent := parentChart(t)
	for _, row := range parents {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			text, err := helm(t, row.values, "template", "platform", parent, "--namespace", systemNamespace, "--values", "-")
			if err != nil {
				t.Fatal(err)
			}
			objects := parse(t, text)
			deployments := objects.OfKind("Deployment")
			if got := find(t, deployments, "{.metadata.name}"); got != row.deployments {
				t.Errorf("the Deployments are %q, want %q (%s)", got, row.deployments, row.why)
			}
			if row.deployments == "" && len(objects) > 0 {
				t.Errorf("what is switched off renders %s", key(objects[0]))
			}
			expectApart(t, deployments)
			expectAccepted(t, objects)
		})
	}
}

func TestPartsHearGlobalValues(t *testing.T) {
	t.Parallel()
	text, err := helm(t, `global: {imageRegistry: mirror.example.com, imagePullSecrets: [{name: mirror}]}`,
		"template", "platform", parentChart(t), "--namespace", systemNamespace, "--values", "-")
	if err != nil {
		t.Fatal(err)
	}
	deployments := parse(t, text).OfKind("Deployment")
	image := "mirror.example.com/xtracta/billing-operator:" + appVersion() + " mirror"
	if got := find(t, deployments, container+".image} "+pod+".imagePullSecrets[*].name}"); got != image+" "+image {
		t.Errorf("images and their Secrets are %s, want twice %s", got, image)
	}
}

// A value that a part of a chart lacks, or has as null, is the default there, too.
func TestPartsHaveTheDefaults(t *testing.T) {
	t.Parallel()
	parent := parentChart(t)
	want := mustTemplate(t, parent, "")
	nulls := map[string]any{}
	for name := range parsed(t, string(read(t, "values.yaml"))) {
		nulls[name] = nil
	}
	if mustTemplate(t, parent, marshalled(t, map[string]any{"billing-operator": nulls})) != want {
		t.Error("nulls are not the defaults")
	}
}

func TestSwitchedOffIsNothing(t *testing.T) {
	t.Parallel()
	objects := rendered(t, everything+"enabled: false\nextraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}]")
	if len(objects) > 0 {
		t.Errorf("there is %s", key(objects[0]))
	}
}

// expectApart holds that no Deployment selects another's pods.
func expectApart(t *testing.T, deployments manifests.Manifest) {
	t.Helper()
	selectors := map[string]bool{}
	for _, selector := range strings.Split(find(t, deployments, "{.spec.selector.matchLabels}"), " ") {
		if selectors[selector] {
			t.Errorf("two Deployments select %s", selector)
		}
		selectors[selector] = true
	}
}

// parentChart has this chart as two parts, of which one serves a list of namespaces.
func parentChart(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "platform")
	if err := os.CopyFS(filepath.Join(folder, "charts", "billing-operator"), os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Chart.yaml": `{apiVersion: v2, name: platform, version: 1.0.0, dependencies: [
			{name: billing-operator, version: "*", condition: billing-operator.enabled},
			{name: billing-operator, version: "*", alias: billing_EU, condition: billing_EU.enabled}]}`,
		"values.yaml": `{billing-operator: {replicaCount: 2}, billing_EU: {watchNamespaces: [finance], crds: {enabled: false}}}`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
