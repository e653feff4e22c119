package argocd

import (
	"testing"

	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/sync/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Argo CD reads the annotation as it is meant: neither a commit without the CRD nor deleting
// the Application deletes it.
func TestCRDIsKept(t *testing.T) {
	text, err := render(t.Context(), "crd")
	if err != nil {
		t.Fatal(err)
	}
	var crd unstructured.Unstructured
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	for _, option := range []string{common.SyncOptionDisablePrune, common.SyncOptionDisableDeletion} {
		if !resource.HasAnnotationOption(&crd, common.AnnotationSyncOptions, option) {
			t.Errorf("the CRD has no %s: %v", option, crd.GetAnnotations())
		}
	}
}
