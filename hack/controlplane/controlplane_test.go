package controlplane_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

func TestControlPlane(t *testing.T) {
	auditLog := filepath.Join(t.TempDir(), "audit.log")
	cp, err := controlplane.Start(t.Context(), controlplane.Options{
		CRDDirs:  []string{"../../config/crd/bases"},
		AuditLog: auditLog,
	})
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

	t.Run("the CRDs are served", func(t *testing.T) {
		if _, err := admin.Discovery().ServerResourcesForGroupVersion("billing.xtracta.com/v1alpha1"); err != nil {
			t.Error(err)
		}
	})

	t.Run("the kubeconfig file works", func(t *testing.T) {
		config, err := clientcmd.BuildConfigFromFlags("", cp.KubeconfigPath())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := clientset(t, config).CoreV1().Namespaces().Get(t.Context(), "default", metav1.GetOptions{}); err != nil {
			t.Error(err)
		}
	})

	pod, _, err := cp.AddServiceAccount("default", "pod")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("RBAC holds for a service account", func(t *testing.T) {
		_, err := clientset(t, pod).CoreV1().Secrets("default").List(t.Context(), metav1.ListOptions{})
		if !apierrors.IsForbidden(err) {
			t.Errorf("listing Secrets: %v, want forbidden", err)
		}
	})

	t.Run("the audit log has each request", func(t *testing.T) {
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
			return refusedSecretLists(t, auditLog) == 1, nil
		})
		if err != nil {
			t.Errorf("%d refused lists in the audit log, want 1", refusedSecretLists(t, auditLog))
		}
	})

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

func refusedSecretLists(t *testing.T, auditLog string) int {
	t.Helper()
	file, err := os.Open(auditLog)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	count := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var event auditv1.Event
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue // a line that is still being written
		}
		if event.Verb == "list" && event.ObjectRef.Resource == "secrets" && event.ResponseStatus.Code == 403 {
			count++
		}
	}
	return count
}
