package manifests_test

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
	deployments       string // by their names and images
}{
	{"defaults", "both have names of their own", ``, "platform-billing-operator ghcr.io platform-billing-eu ghcr.io"},
	{"the first", "the condition of the other is false", `billing_EU: {enabled: false}`, "platform-billing-operator ghcr.io"},
	{"the other", "an alias is a name", `billing-operator: {enabled: false}`, "platform-billing-eu ghcr.io"},
	{"none", "both conditions are false", `{billing-operator: {enabled: false}, billing_EU: {enabled: false}}`, ""},
	{"global values", "both hear them, and those of other charts are none of our business",
		`global: {imageRegistry: mirror, imagePullSecrets: [{name: pull}], storageClass: fast, postgresql: {auth: {database: a}}}`,
		"platform-billing-operator mirror pull platform-billing-eu mirror pull"},
	{"nulls", "a parent's defaults are taken away by them",
		`{global: null, billing-operator: {image: null, resources: {limits: {memory: null}}, replicaCount: null, crds: {keep: null}, global: null, enabled: null}}`,
		"platform-billing-operator ghcr.io platform-billing-eu ghcr.io"},
}

func TestPartOfAnotherChart(t *testing.T) {
	parent := parentChart(t)
	for _, row := range parents {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			text, err := template(t, "platform", parent, systemNamespace, row.values)
			if err != nil {
				t.Fatal(err)
			}
			objects := parse(t, text)
			deployments := objects.OfKind("Deployment")
			got := find(t, deployments, "{.metadata.name} "+container+".image} "+pod+".imagePullSecrets[*].name}")
			got = strings.Join(strings.Fields(strings.ReplaceAll(got, "/xtracta/billing-operator:"+appVersion(t), "")), " ")
			if got != row.deployments {
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

func TestSwitchedOffIsNothing(t *testing.T) {
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
