// Package flux shows config/flux to Flux's own code.
package flux

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// root is the project's, seen from this folder, in which tests run.
const root = "../../.."

func TestHealthExpressions(t *testing.T) {
	expressions := expressions(t)
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

// What every example must have so that a session which comes late does not fail for good, and
// must not have because it would delete sessions.
func TestExamples(t *testing.T) {
	all, waiting := examples(t), 0
	for _, example := range all {
		if example.Spec.Force {
			t.Errorf("%s deletes a session whose change is refused", example.Name)
		}
		if !example.Spec.Wait {
			continue
		}
		waiting++
		if len(example.Spec.HealthCheckExprs) != 1 || example.Spec.RetryInterval == nil || example.Spec.Timeout == nil {
			t.Errorf("%s waits for sessions without expressions, interval of retries or timeout", example.Name)
		}
	}
	if len(all) != 3 || waiting != 2 {
		t.Errorf("%d of %d examples wait", waiting, len(all))
	}
}

// expressions are those by which config/flux has Flux judge a session.
func expressions(t *testing.T) kustomize.CustomHealthCheck {
	t.Helper()
	var found []kustomize.CustomHealthCheck
	for _, example := range examples(t) {
		found = append(found, example.Spec.HealthCheckExprs...)
	}
	if len(found) == 0 {
		t.Fatal("there are no expressions")
	}
	for _, other := range found {
		if other != found[0] {
			t.Fatalf("the examples have different expressions: %+v and %+v", found[0], other)
		}
	}
	return found[0]
}

// examples reads config/flux as Flux's types, and nothing that they do not know.
func examples(t *testing.T) (found []kustomizev1.Kustomization) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "config", "flux", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range bytes.Split(text, []byte("\n---\n")) {
			var example kustomizev1.Kustomization
			if err := yaml.UnmarshalStrict(document, &example); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			found = append(found, example)
		}
	}
	return found
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
	if err := yaml.Unmarshal(text, &rows); err != nil || len(rows) == 0 {
		t.Fatalf("%d situations: %v", len(rows), err)
	}
	return rows
}
