package kustomize

import (
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

// The situations that Argo CD's and Flux's code are tested with are written by
// hand: they must at least be what the API allows.
func TestSituationsAreSessions(t *testing.T) {
	text, err := os.ReadFile(env.Path("test", "fixtures", "situations.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Situation string         `json:"situation"`
		Session   map[string]any `json:"session"`
	}
	if err := yaml.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		t.Run(row.Situation, func(t *testing.T) {
			var session v1alpha1.BillingSession
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(row.Session, &session, true); err != nil {
				t.Fatal(err)
			}
			looked := session.Status.ObservedGeneration >= 0
			if ready := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionReady); (ready != nil) != looked {
				t.Errorf("Ready is %v although the session was looked at: %v", ready, looked)
			}
		})
	}
	if len(rows) == 0 {
		t.Error("there are none")
	}
}
