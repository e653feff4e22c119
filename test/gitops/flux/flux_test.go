// Package flux shows config/flux to Flux's own code.
package flux

import (
	"cmp"
	"os"
	"path/filepath"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
	"github.com/xtracta/billing-operator/test/fixtures"
)

func TestHealthExpressions(t *testing.T) {
	expressions := expressions(t)
	evaluator, err := cel.NewStatusEvaluator(&expressions.HealthCheckExpressions)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range fixtures.Situations(t) {
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
	for _, row := range fixtures.Situations(t) {
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
	paths, err := filepath.Glob(env.Path("config", "flux", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := manifests.Parse(file)
		_ = file.Close()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		found = append(found, manifests.All[kustomizev1.Kustomization](t, objects, "Kustomization")...)
	}
	return found
}
