package argocd

import (
	"os"
	"path/filepath"
	"testing"

	argocommon "github.com/argoproj/argo-cd/v3/common"
	appv1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/sync/resource"
	"github.com/argoproj/gitops-engine/pkg/sync/syncwaves"
	"sigs.k8s.io/yaml"
)

func TestExampleApplications(t *testing.T) {
	for _, row := range []struct {
		path    string
		options []string
	}{
		{"application.yaml", []string{common.SyncOptionServerSideApply}},
		// The dry run of a session must wait for the CRD that comes with it.
		{"together/application.yaml", []string{common.SyncOptionServerSideApply, common.SyncOptionSkipDryRunOnMissingResource}},
		{"operator/helm.yaml", []string{common.SyncOptionServerSideApply, "CreateNamespace=true"}},
		{"operator/kustomize.yaml", []string{common.SyncOptionServerSideApply}},
	} {
		text, err := os.ReadFile(filepath.Join(root, "config", "argocd", row.path))
		if err != nil {
			t.Fatal(err)
		}
		var application appv1.Application
		if err := yaml.UnmarshalStrict(text, &application); err != nil {
			t.Fatal(err)
		}
		for _, option := range row.options {
			if !application.Spec.SyncPolicy.SyncOptions.HasOption(option) {
				t.Errorf("%s lacks %s", row.path, option)
			}
		}
		// An option would hide what Argo CD's own comparison makes of a session.
		if got := application.Annotations[argocommon.AnnotationCompareOptions]; got != "" {
			t.Errorf("%s compares with %q, want no option", row.path, got)
		}
		// A key that comes late fails a sync; without a retry it stays so until the next commit.
		retry := application.Spec.SyncPolicy.Retry
		if retry == nil || retry.Limit <= 0 || retry.Backoff == nil {
			t.Errorf("%s has no limited retry: %+v", row.path, retry)
		}
	}
}

// The operator and the keys come before the sessions, and these before what mounts their Secrets.
func TestWavesOfTheOperatorTogetherWithSessions(t *testing.T) {
	want := map[string]int{"BillingSession": 1, "Deployment acme-consumer": 2}
	seen := map[string]bool{}
	for _, object := range rendered(t, "argocd/together") {
		wave := want[object.GetKind()] + want[object.GetKind()+" "+object.GetName()]
		if got := syncwaves.Wave(object); got != wave {
			t.Errorf("%s %s is in wave %d, want %d", object.GetKind(), object.GetName(), got, wave)
		}
		seen[object.GetKind()] = true
	}
	for _, kind := range []string{"CustomResourceDefinition", "BillingSession", "Deployment", "Secret"} {
		if !seen[kind] {
			t.Errorf("there is no %s", kind)
		}
	}
}

// Argo CD reads the annotation as it is meant: neither a commit without the CRD nor deleting
// the Application deletes it.
func TestCRDIsKept(t *testing.T) {
	crd := rendered(t, "crd")[0]
	for _, option := range []string{common.SyncOptionDisablePrune, common.SyncOptionDisableDeletion} {
		if !resource.HasAnnotationOption(crd, common.AnnotationSyncOptions, option) {
			t.Errorf("the CRD has no %s: %v", option, crd.GetAnnotations())
		}
	}
}
