package helm

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The real helm does to an API server what people do over the years. Each step
// stands on the one before.
func TestLifeOfAnInstall(t *testing.T) {
	const team = `{watchNamespaces: [team], crds: {enabled: false}}`
	for _, step := range []struct {
		why, values string
		args        []string
	}{
		{"a first install, from when the CustomResourceDefinition had no short name", "",
			[]string{"install", release, olderChart(t), "--namespace", "platform", "--create-namespace"}},
		{"a team's own install, of the same name, beside it", team,
			[]string{"install", release, chart, "--namespace", "team", "--create-namespace"}},
		{"an upgrade, which must bring the CustomResourceDefinition along", "",
			[]string{"upgrade", release, chart, "--namespace", "platform"}},
	} {
		helmMust(t, step.why, step.values, step.args...)
	}
	if names := crd(t).Spec.Names.ShortNames; !slices.Contains(names, "bsess") {
		t.Errorf("the upgrade left the CustomResourceDefinition as it was, with the short names %q", names)
	}

	helmMust(t, "an end", "", "uninstall", release, "--namespace", "platform")
	if crd(t).DeletionTimestamp != nil {
		t.Error("uninstalling deletes the CustomResourceDefinition, and with it every session")
	}
	helmMust(t, "a second thought", "", "install", release, chart, "--namespace", "platform")
}

// What template accepts, an install may not survive: these are made, upgraded and gone.
func TestInstalls(t *testing.T) {
	const team = "crds: {enabled: false}\nwatchNamespaces: [\"NAMESPACE\"]\n"
	for _, row := range []struct{ why, release, namespace, chart, values string }{
		{"a number of a release in a number of a namespace", "2024", "007", chart, team},
		{"a float of both", "1e3", "1e3", chart, team},
		{"a boolean of both", "true", "true", chart, team},
		{"nothing of both", "null", "null", chart, team},
		{"a release with dots", "v1.2.x", "dots", chart, team},
		{"a part of another chart", "platform", "platform-2", parentChart(t),
			"billing-operator: {crds: {enabled: false}, watchNamespaces: [NAMESPACE], replicaCount: null}\nbilling_EU: {watchNamespaces: [NAMESPACE]}"},
		{"all that is off by default, where the API server knows it", "everything", "everything", chart, team + `
dashboard: {enabled: true}
networkPolicy: {enabled: true, extraEgress: [{ports: [{port: 4317}]}]}
extraObjects: [{apiVersion: v1, kind: ConfigMap, metadata: {name: more}}]
`},
	} {
		t.Run(row.release, func(t *testing.T) {
			place := []string{"--namespace", row.namespace}
			values := strings.ReplaceAll(row.values, "NAMESPACE", row.namespace)
			helmMust(t, row.why, values, append([]string{"install", row.release, row.chart, "--create-namespace"}, place...)...)
			helmMust(t, "an upgrade that changes nothing", "", append([]string{"upgrade", row.release, row.chart, "--reuse-values"}, place...)...)
			helmMust(t, "an end", "", append([]string{"uninstall", row.release}, place...)...)
		})
	}
}

func helmMust(t *testing.T, why, values string, args ...string) {
	t.Helper()
	if values != "" {
		args = append(args, "--values", "-")
	}
	if _, err := helm(t, values, args...); err != nil {
		t.Fatalf("%s: %v", why, err)
	}
}

// olderChart has a CustomResourceDefinition without a short name.
func olderChart(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	const shortNames = "    shortNames:\n    - bsess\n"
	today := string(read(t, filepath.Join("files", "crd.yaml")))
	older := strings.Replace(today, shortNames, "", 1)
	if older == today {
		t.Fatalf("there is no %q", shortNames)
	}
	if err := os.WriteFile(filepath.Join(folder, "files", "crd.yaml"), []byte(older), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func crd(t *testing.T) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	found := &apiextensionsv1.CustomResourceDefinition{}
	name := client.ObjectKey{Name: "billingsessions.billing.xtracta.com"}
	if err := strictClient(t).Get(t.Context(), name, found); err != nil {
		t.Fatal(err)
	}
	return found
}
