// Package argocd shows config/argocd to Argo CD's own code.
package argocd

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"

	appv1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/settings"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/yaml"
)

// root is the project's, seen from this folder, in which tests and commands run.
const root = "../../.."

// Installed is what Argo CD reads from its ConfigMap once config/argocd is applied.
func Installed(ctx context.Context) (map[string]appv1.ResourceOverride, error) {
	configMap, err := renderConfigMap(ctx)
	if err != nil {
		return nil, err
	}
	manager := settings.NewSettingsManager(ctx, fake.NewClientset(configMap, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "argocd", Name: "argocd-secret"},
	}), "argocd")
	return manager.GetResourceOverrides()
}

func renderConfigMap(ctx context.Context) (*corev1.ConfigMap, error) {
	text, err := render(ctx, "argocd")
	if err != nil {
		return nil, err
	}
	var rendered corev1.ConfigMap
	return &rendered, yaml.UnmarshalStrict(text, &rendered)
}

// render runs the pinned kustomize on a folder of config/.
func render(ctx context.Context, folder string) ([]byte, error) {
	path, err := filepath.Abs(filepath.Join(root, "config", folder))
	if err != nil {
		return nil, err
	}
	kustomize := exec.CommandContext(ctx, "go", "tool", "kustomize", "build", path)
	kustomize.Dir = filepath.Join(root, "hack", "tools")
	text, err := kustomize.Output()
	if err != nil {
		return nil, fmt.Errorf("kustomize build config/%s: %w", folder, err)
	}
	return text, nil
}
