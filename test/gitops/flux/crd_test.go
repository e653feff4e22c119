package flux

import (
	"os/exec"
	"path/filepath"
	"testing"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Flux does not delete the CRD when its Kustomization is deleted or a commit leaves it out: the
// annotation is the one that its garbage collection looks for.
func TestCRDIsKept(t *testing.T) {
	path, err := filepath.Abs(filepath.Join(root, "config", "crd"))
	if err != nil {
		t.Fatal(err)
	}
	kustomize := exec.CommandContext(t.Context(), "go", "tool", "kustomize", "build", path)
	kustomize.Dir = filepath.Join(root, "hack", "tools")
	text, err := kustomize.Output()
	if err != nil {
		t.Fatal(err)
	}
	var crd unstructured.Unstructured
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	if got := crd.GetAnnotations()[kustomizev1.GroupVersion.Group+"/prune"]; got != kustomizev1.DisabledValue {
		t.Errorf("Flux's garbage collection is %q for the CRD", got)
	}
}
