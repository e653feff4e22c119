package helm

import (
	"strings"
	"testing"
)

// What helm install prints is all that many read.
func TestNotes(t *testing.T) {
	for _, row := range []struct{ why, values, want string }{
		{"the likeliest first mistake is a person's key", ``, "must\nbe a group's API key"},
		{"a person's key is rejected", ``, "API keys to persons"},
		{"people fear for their sessions", ``, "`helm uninstall` keeps the CustomResourceDefinition"},
		{"somebody else's CustomResourceDefinition stays", `crds: {enabled: false, keep: false}`, "`helm uninstall` keeps the CustomResourceDefinition"},
		{"this one does not stay", `crds: {keep: false}`, "WARNING: crds.keep is false."},
		{"sessions elsewhere are not served", `watchNamespaces: [sales, "007"]`, "The operator serves the namespaces sales, 007."},
		{"the example's namespace may not be there", ``, "  kubectl create namespace finance\n  kubectl create secret"},
		{"the example works", `watchNamespaces: ["007"]`, `metadata: {name: acme, namespace: "007"}`},
		{"nulls are defaults here, too", `{crds: null, watchNamespaces: null}`, "The operator serves all namespaces."},
	} {
		t.Run(row.values, func(t *testing.T) {
			t.Parallel()
			said, err := helm(t, row.values, "install", release, chart, "--dry-run=client", "--values", "-")
			if err != nil {
				t.Fatal(err)
			}
			_, notes, _ := strings.Cut(string(said), "NOTES:")
			if !strings.Contains(notes, row.want) {
				t.Errorf("there is no %q (%s) in\n%s", row.want, row.why, notes)
			}
		})
	}
}
