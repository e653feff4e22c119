package kustomize

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// Deleting the CustomResourceDefinition deletes all sessions. Each way to install it carries
// what keeps a GitOps tool from that.
func TestNoToolPrunesTheCRD(t *testing.T) {
	want := map[string]string{
		"kustomize.toolkit.fluxcd.io/prune": "disabled",
		"argocd.argoproj.io/sync-options":   "Prune=false,Delete=false",
		"helm.sh/resource-policy":           "keep",
	}
	for _, folder := range []string{"crd", "default", "namespaced", "namespaced/operator", "shards"} {
		t.Run(folder, func(t *testing.T) {
			crd := manifests.Find[apiextensionsv1.CustomResourceDefinition](t, manifests.Rendered(t, folder),
				"CustomResourceDefinition", "billingsessions.billing.xtracta.com")
			got := map[string]string{}
			for name, value := range crd.Annotations {
				if !strings.HasPrefix(name, "controller-gen.kubebuilder.io/") {
					got[name] = value
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("install.yaml", func(t *testing.T) {
		makefile, err := os.ReadFile(env.Path("Makefile"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(makefile), "kustomize build config/default --output dist/install.yaml") {
			t.Error("install.yaml is not made of config/default, which is tested here")
		}
	})
}
