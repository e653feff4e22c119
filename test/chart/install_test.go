package chart

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
	if err := strictClient(t, &warnings{}).Get(t.Context(), name, found); err != nil {
		t.Fatal(err)
	}
	return found
}
