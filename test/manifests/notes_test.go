package manifests_test

import (
	"strings"
	"testing"
)

// What helm install prints is all that many read.
func TestNotes(t *testing.T) {
	const kept = "`helm uninstall` keeps the CustomResourceDefinition"
	for _, row := range []struct {
		values string
		want   map[string]string // why → what it says
	}{
		{"", map[string]string{
			"the likeliest first mistake is a person's key":   "must\nbe a group's API key",
			"a person's key is rejected":                      "API keys to persons",
			"people fear for their sessions":                  kept,
			"the example's namespace may not be there":        "  kubectl create namespace finance\n  kubectl create secret",
			"somebody may expect the operator somewhere else": "The operator serves all namespaces.",
		}},
		{`crds: {enabled: false, keep: false}`, map[string]string{"somebody else's CustomResourceDefinition stays": kept}},
		{`{crds: {keep: false}, watchNamespaces: ["007", sales]}`, map[string]string{
			"this one does not stay":           "WARNING: crds.keep is false.",
			"sessions elsewhere do not count":  "The operator serves the namespaces 007, sales.",
			"the example works as it is shown": `metadata: {name: acme, namespace: "007"}`,
		}},
		{`{crds: null, watchNamespaces: null}`, map[string]string{"nulls are defaults here, too": "The operator serves all namespaces."}},
	} {
		t.Run(row.values, func(t *testing.T) {
			t.Parallel()
			said, err := helm(t, row.values, "install", release, chart, "--dry-run=client", "--values", "-")
			if err != nil {
				t.Fatal(err)
			}
			_, notes, _ := strings.Cut(said, "NOTES:")
			for why, want := range row.want {
				if !strings.Contains(notes, want) {
					t.Errorf("there is no %q (%s) in\n%s", want, why, notes)
				}
			}
		})
	}
}
