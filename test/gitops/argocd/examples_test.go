package argocd

import (
	"bytes"
	"errors"
	"io"
	"testing"

	argocommon "github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/sync/syncwaves"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// serverSideDiff is for Applications with sessions: Argo CD's own comparison after a server-side apply
// takes a key's entry that the API server has filled in for a difference.
const serverSideDiff = "ServerSideDiff=true"

func TestExampleApplications(t *testing.T) {
	for _, row := range []struct {
		path     []string
		options  []string
		compares string
	}{
		{[]string{"application.yaml"}, []string{common.SyncOptionServerSideApply}, serverSideDiff},
		// The dry run of a session must wait for the CRD that comes with it.
		{[]string{"together", "application.yaml"}, []string{common.SyncOptionServerSideApply, common.SyncOptionSkipDryRunOnMissingResource}, serverSideDiff},
		{[]string{"operator", "helm.yaml"}, []string{common.SyncOptionServerSideApply, "CreateNamespace=true"}, ""},
		{[]string{"operator", "kustomize.yaml"}, []string{common.SyncOptionServerSideApply}, ""},
	} {
		application := exampleApplication(t, row.path...)
		for _, option := range row.options {
			if !application.Spec.SyncPolicy.SyncOptions.HasOption(option) {
				t.Errorf("%s lacks %s", row.path, option)
			}
		}
		if got := application.Annotations[argocommon.AnnotationCompareOptions]; got != row.compares {
			t.Errorf("%s compares with %q, want %q", row.path, got, row.compares)
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
	for _, object := range renderObjects(t, "argocd/together") {
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

func renderObjects(t *testing.T, folder string) (objects []*unstructured.Unstructured) {
	t.Helper()
	text, err := render(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	for decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}
