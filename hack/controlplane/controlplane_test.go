package controlplane_test

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

// That definitions are served, that RBAC holds, and what the audit log has, shows in the tests of
// test/manifests and test/process, which stand on it.
func TestControlPlane(t *testing.T) {
	cp, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cp.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(cp.KubeconfigPath()); !os.IsNotExist(err) {
			t.Error("Stop left the data behind")
		}
	})
	admin := clientset(t, cp.Config())

	t.Run("it has the pinned version", func(t *testing.T) {
		version, err := admin.Discovery().ServerVersion()
		if err != nil {
			t.Fatal(err)
		}
		if got := version.Major + "." + version.Minor; got != controlplane.KubernetesVersion {
			t.Errorf("runs Kubernetes %s, want %s", got, controlplane.KubernetesVersion)
		}
	})

	pod, _, err := cp.AddServiceAccount("default", "pod")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("data and users outlive the API server", func(t *testing.T) {
		kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}
		if _, err := admin.CoreV1().ConfigMaps("default").Create(t.Context(), kept, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := cp.StopAPIServer(); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{}); err == nil {
			t.Error("a stopped API server answers")
		}
		if err := cp.StartAPIServer(); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.CoreV1().ConfigMaps("default").Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
		if _, err := clientset(t, pod).CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("listing Secrets as the service account: %v, want forbidden", err)
		}
	})
}

func clientset(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
