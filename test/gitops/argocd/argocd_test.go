// Package argocd shows config/argocd to Argo CD's own code.
package argocd

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appv1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

const (
	// root is the project's, seen from this folder, in which tests run.
	root = "../../.."

	renewalAnnotation = "billing.xtracta.com/renew-requested-at"
)

func TestHealth(t *testing.T) {
	overrides := lua.ResourceHealthOverrides(installed(t))
	for _, row := range situations(t) {
		t.Run(row.Situation, func(t *testing.T) {
			health, err := overrides.GetResourceHealth(&row.Session)
			if err != nil {
				t.Fatal(err)
			}
			if health == nil || string(health.Status) != row.ArgoCD {
				t.Fatalf("health is %+v, want %s: %s", health, row.ArgoCD, row.Why)
			}
			if !strings.Contains(health.Message, row.Says) {
				t.Errorf("the message is %q, want it to say %q", health.Message, row.Says)
			}
			if strings.Contains(health.Message, "secret-of-the-url") {
				t.Errorf("the message shows the URL: %q", health.Message)
			}
		})
	}
}

// An object without a status at all is what a dry run or another API server may show.
func TestHealthOfAnObjectWithoutStatus(t *testing.T) {
	session := situations(t)[0].Session
	unstructured.RemoveNestedField(session.Object, "status")
	health, err := lua.ResourceHealthOverrides(installed(t)).GetResourceHealth(&session)
	if err != nil || health == nil || health.Status != "Progressing" {
		t.Errorf("health is %+v, %v, want Progressing", health, err)
	}
}

func TestRenewKeepsOtherAnnotations(t *testing.T) {
	session := situations(t)[0].Session
	session.SetAnnotations(map[string]string{"example.com/kept": "yes", renewalAnnotation: "before"})
	impacted, err := lua.VM{}.ExecuteResourceAction(&session, script(t, "actions", "renew", "action.lua"), nil)
	if err != nil || len(impacted) != 1 {
		t.Fatalf("the action does %+v, %v", impacted, err)
	}
	annotations := impacted[0].UnstructuredObj.GetAnnotations()
	if token := annotations[renewalAnnotation]; annotations["example.com/kept"] != "yes" || len(token) != len("2030-01-01T10:00:00Z") {
		t.Errorf("annotations are %v", annotations)
	}
}

// installed is what Argo CD reads from its ConfigMap once config/argocd is applied.
func installed(t *testing.T) map[string]appv1.ResourceOverride {
	t.Helper()
	var configMap corev1.ConfigMap
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(rendered(t, "argocd")[0].Object, &configMap); err != nil {
		t.Fatal(err)
	}
	manager := settings.NewSettingsManager(t.Context(), fake.NewClientset(&configMap, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-secret"},
	}), "argocd")
	overrides, err := manager.GetResourceOverrides()
	if err != nil {
		t.Fatal(err)
	}
	return overrides
}

// rendered is what the pinned kustomize makes of a folder of config/.
func rendered(t *testing.T, folder string) (objects []*unstructured.Unstructured) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "config", folder))
	if err != nil {
		t.Fatal(err)
	}
	kustomize := exec.CommandContext(t.Context(), "go", "tool", "kustomize", "build", path)
	kustomize.Dir, kustomize.Stderr = filepath.Join(root, "hack", "tools"), os.Stderr
	text, err := kustomize.Output()
	if err != nil {
		t.Fatalf("kustomize build config/%s: %v", folder, err)
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

// situation is a row of the table that all readers of a session's health share.
type situation struct {
	Situation string                    `json:"situation"`
	Why       string                    `json:"why"`
	Session   unstructured.Unstructured `json:"session"`
	ArgoCD    string                    `json:"argocd"`
	Says      string                    `json:"says"`
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
