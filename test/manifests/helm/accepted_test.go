package helm

import (
	"context"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// expectAccepted shows objects to an API server that refuses what it does not know
// and warns of what it would not do. Nothing stays.
func expectAccepted(t *testing.T, objects manifest) {
	t.Helper()
	heard := &warnings{}
	c := strictClient(t, heard)
	for _, object := range objects {
		if namespace := object.GetNamespace(); namespace != "" {
			createMissing(t, c, namespace)
		}
		if object.GroupVersionKind().Group == monitoring.GroupName {
			continue // there are none without the Prometheus operator
		}
		if err := apply(t.Context(), c, object); err != nil {
			t.Errorf("%s is refused: %v", key(object), err)
		}
	}
	for _, warning := range heard.said() {
		t.Errorf("the API server warns: %s", warning)
	}
}

// expectUnderstood holds that the manager takes the arguments that it would be started
// with: what it finds wrong is what is not here, files and a cluster.
func expectUnderstood(t *testing.T, objects manifest) {
	t.Helper()
	var args []string
	if err := json.Unmarshal([]byte(find(t, objects.ofKind("Deployment"), container+".args}")), &args); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(managerPath, append(args, "--kubeconfig=none")...).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(said), "manager: --kubeconfig:") && !strings.HasPrefix(string(said), "manager: --endpoint-ca-file:") {
		t.Errorf("manager %q: %v\n%s", args, err, said)
	}
}

// What the other tests rely on: that the API server is strict, and says so.
func TestUnknownFieldsAreRefused(t *testing.T) {
	deployment := rendered(t, "").ofKind("Deployment")[0]
	if err := unstructured.SetNestedField(deployment.Object, "x", "spec", "template", "spec", "unknown"); err != nil {
		t.Fatal(err)
	}
	c := strictClient(t, &warnings{})
	createMissing(t, c, systemNamespace)
	if err := apply(t.Context(), c, deployment); err == nil {
		t.Error("an unknown field is accepted")
	}
}

// A pod that the namespace would not let in is told by a warning.
func TestWeakPodsAreWarnedOf(t *testing.T) {
	deployment := rendered(t, "").ofKind("Deployment")[0]
	unstructured.RemoveNestedField(deployment.Object, "spec", "template", "spec", "securityContext")
	heard := &warnings{}
	c := strictClient(t, heard)
	createMissing(t, c, systemNamespace)
	if err := apply(t.Context(), c, deployment); err != nil {
		t.Fatal(err)
	}
	if len(heard.said()) == 0 {
		t.Error("nobody warns of a pod that may be root")
	}
}

// apply is kubectl apply --server-side --dry-run=server.
func apply(ctx context.Context, c client.Client, object *unstructured.Unstructured) error {
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object),
		client.FieldOwner("test"), client.ForceOwnership, client.DryRunAll)
}

func strictClient(t *testing.T, heard *warnings) client.Client {
	t.Helper()
	scheme := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(scheme) // adding known types cannot fail
	_ = apiextensionsv1.AddToScheme(scheme)
	config := cluster.Config()
	config.WarningHandler = heard
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

// createMissing makes a namespace that lets in, and warns of, what the strictest of
// the Pod Security Standards does.
func createMissing(t *testing.T, c client.Client, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
		"pod-security.kubernetes.io/warn":    "restricted",
	}}}
	if err := c.Create(t.Context(), namespace); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
}

// warnings are what the API server has against an object that it accepts.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func (w *warnings) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.texts)
}
