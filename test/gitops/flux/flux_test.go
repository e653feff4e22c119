package flux

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestHealthExpressions(t *testing.T) {
	expressions, err := Expressions()
	if err != nil {
		t.Fatal(err)
	}
	evaluator, err := cel.NewStatusEvaluator(&expressions.HealthCheckExpressions)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range situations(t) {
		t.Run(row.Situation, func(t *testing.T) {
			if got := row.Session.GroupVersionKind(); got.Kind != expressions.Kind || got.GroupVersion().String() != expressions.APIVersion {
				t.Fatalf("the expressions are not for %s", got)
			}
			health, err := evaluator.Evaluate(t.Context(), &row.Session)
			if err != nil {
				t.Fatal(err)
			}
			if want := cmp.Or(row.Flux, row.KStatus); string(health.Status) != want {
				t.Errorf("health is %s, want %s: %s", health.Status, want, row.Why)
			}
		})
	}
}

// What Flux, and every other tool that reads conditions as kstatus does, concludes
// without any expression.
func TestConditionsAlone(t *testing.T) {
	for _, row := range situations(t) {
		t.Run(row.Situation, func(t *testing.T) {
			health, err := status.Compute(&row.Session)
			if err != nil {
				t.Fatal(err)
			}
			if string(health.Status) != row.KStatus {
				t.Errorf("health is %s, want %s: %s", health.Status, row.KStatus, row.Why)
			}
		})
	}
}

// situation is a row of the table that all readers of a session's health share.
type situation struct {
	Situation string                    `json:"situation"`
	Why       string                    `json:"why"`
	Session   unstructured.Unstructured `json:"session"`
	KStatus   string                    `json:"kstatus"`
	Flux      string                    `json:"flux"`
}

func situations(t *testing.T) (rows []situation) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "test", "fixtures", "situations.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}
