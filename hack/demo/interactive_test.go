package main

import (
	"regexp"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

func TestGuideLeavesNoPlaceholder(t *testing.T) {
	e := &environment{plane: &controlplane.ControlPlane{}, baseURL: "http://endpoint", metrics: "metrics:1", manager: &manager{logPath: "a.log"}}
	guide := e.guide(sample{session: client.ObjectKey{Name: "acme"}, secret: client.ObjectKey{Name: "acme-url"}})
	allowed := map[string]bool{"KUBECONFIG": true, "URL": true, "POST": true}
	for _, word := range regexp.MustCompile(`\b[A-Z_]{3,}\b`).FindAllString(guide, -1) {
		if !allowed[word] {
			t.Errorf("the placeholder %s is left in:\n%s", word, guide)
		}
	}
}
