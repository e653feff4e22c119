package helm

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// expectAccepted shows objects to an API server that refuses what it does not know
// and warns of what it would not do. Nothing stays.
func expectAccepted(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	c := strictClient(t)
	for _, object := range objects {
		if namespace := object.GetNamespace(); namespace != "" {
			manifests.Namespace(t, c, namespace)
		}
		if object.GroupVersionKind().Group == monitoring.GroupName {
			continue // there are none without the Prometheus operator
		}
		if err := dryRun(t, c, object); err != nil {
			t.Errorf("%s is refused: %v", key(object), err)
		}
	}
	for _, warning := range c.Warnings() {
		t.Errorf("the API server warns: %s", warning)
	}
}

// expectUnderstood holds that the manager takes the arguments that it would be started
// with: what it finds wrong is what is not here, files and a cluster.
func expectUnderstood(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	var args []string
	if err := json.Unmarshal([]byte(find(t, objects.OfKind("Deployment"), container+".args}")), &args); err != nil {
		t.Fatal(err)
	}
	said, err := exec.Command(env.Program(t, "manager"), append(args, "--kubeconfig=none")...).CombinedOutput()
	_, complaint, _ := strings.Cut(string(said), "\n") // the log begins with the version
	if err == nil || !strings.HasPrefix(complaint, "manager: --kubeconfig:") && !strings.HasPrefix(complaint, "manager: --endpoint-ca-file:") {
		t.Errorf("manager %q: %v\n%s", args, err, said)
	}
}

// What the other tests rely on: that the API server is strict, and says so.
func TestUnknownFieldsAreRefused(t *testing.T) {
	deployment := rendered(t, "").OfKind("Deployment")[0]
	if err := unstructured.SetNestedField(deployment.Object, "x", "spec", "template", "spec", "unknown"); err != nil {
		t.Fatal(err)
	}
	c := strictClient(t)
	manifests.Namespace(t, c, systemNamespace)
	if err := dryRun(t, c, deployment); err == nil {
		t.Error("an unknown field is accepted")
	}
}

// A pod that the namespace would not let in is told by a warning.
func TestWeakPodsAreWarnedOf(t *testing.T) {
	deployment := rendered(t, "").OfKind("Deployment")[0]
	unstructured.RemoveNestedField(deployment.Object, "spec", "template", "spec", "securityContext")
	c := strictClient(t)
	manifests.Namespace(t, c, systemNamespace)
	if err := dryRun(t, c, deployment); err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings()) == 0 {
		t.Error("nobody warns of a pod that may be root")
	}
}

func strictClient(t *testing.T) *manifests.Strict {
	t.Helper()
	return manifests.NewStrict(t, cluster(t).Config())
}

// dryRun is kubectl apply --server-side --dry-run=server.
func dryRun(t *testing.T, c client.Client, object *unstructured.Unstructured) error {
	t.Helper()
	return manifests.Apply(t.Context(), c, object, metav1.NamespaceDefault, client.DryRunAll)
}
