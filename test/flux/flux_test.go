// Package flux shows config/flux to Flux's own code.
package flux

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const root = "../.."

func TestHealthExpressions(t *testing.T) {
	expressions := healthCheckExprs(t)
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
			if string(health.Status) != row.KStatus {
				t.Errorf("health is %s, want %s: %s", health.Status, row.KStatus, row.Why)
			}
		})
	}
}

// What Flux, and every other tool that reads conditions as kstatus does, concludes
// without any expression.
func TestConditionsAloneSayTheSame(t *testing.T) {
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

func healthCheckExprs(t *testing.T) kustomize.CustomHealthCheck {
	t.Helper()
	var found []kustomize.CustomHealthCheck
	for _, example := range examples(t) {
		found = append(found, example.Spec.HealthCheckExprs...)
	}
	if len(found) != 1 {
		t.Fatalf("there are %d sets of expressions, want one", len(found))
	}
	return found[0]
}

// examples reads config/flux as Flux's types, and nothing that they do not know.
func examples(t *testing.T) (found []kustomizev1.Kustomization) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", "flux", "sync.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text))); ; {
		buffer := make([]byte, len(text))
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return found
		}
		var example kustomizev1.Kustomization
		if err := errors.Join(err, yaml.UnmarshalStrict(buffer[:n], &example)); err != nil {
			t.Fatal(err)
		}
		found = append(found, example)
	}
}

// situation is a row of the table that all readers of a session's health share.
type situation struct {
	Situation string                    `json:"situation"`
	Why       string                    `json:"why"`
	Session   unstructured.Unstructured `json:"session"`
	KStatus   string                    `json:"kstatus"`
}

func situations(t *testing.T) (rows []situation) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "test", "situations", "situations.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}
