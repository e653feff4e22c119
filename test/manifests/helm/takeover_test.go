package helm

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// config/README.md shows how to go from one to the other. In all of it the
// Deployment stays: a selector that differs would be refused, as none can change.
func TestTakingOver(t *testing.T) {
	c := strictClient(t)
	manifests.Namespace(t, c, systemNamespace)
	kustomize(t, c)
	uid := deployment(t, c).UID
	values := []string{"--namespace", systemNamespace, "--set", "fullnameOverride=billing-operator"}

	if _, err := helm(t, "", append([]string{"install", release, chart}, values...)...); err == nil || !strings.Contains(err.Error(), "ownership") {
		t.Errorf("%v; want Helm to refuse what Kustomize has installed", err)
	}
	for _, step := range []struct {
		why, forget string
		args        []string
	}{
		{"from Kustomize", "", []string{"install", release, chart, "--take-ownership"}},
		{"to another name of the release", release, []string{"install", "billing", chart, "--take-ownership"}},
		{"an upgrade under that name", "", []string{"upgrade", "billing", chart, "--force-conflicts", "--set", "replicaCount=1"}},
		{"back from Kustomize, with a change", "billing", []string{"install", "billing", chart, "--take-ownership", "--force-conflicts", "--set", "replicaCount=3"}},
	} {
		if step.forget != "" {
			forget(t, c, step.forget)
		}
		if step.forget == "billing" {
			kustomize(t, c)
		}
		helmMust(t, step.why, "", append(step.args, values...)...)
		if found := deployment(t, c); found.UID != uid {
			t.Errorf("%s: the Deployment is another", step.why)
		}
	}
	if replicas := *deployment(t, c).Spec.Replicas; replicas != 3 {
		t.Errorf("there are %d replicas, want 3", replicas)
	}
	helmMust(t, "an end", "", "uninstall", "billing", "--namespace", systemNamespace)
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: "billing-operator"}, &appsv1.Deployment{}); err == nil {
		t.Error("the Deployment outlives the release")
	}
}

// An older chart's values lack what came later; nothing changes but what was meant to.
func TestReusedValues(t *testing.T) {
	const namespace = "reused"
	helmMust(t, "an older chart", `{watchNamespaces: [reused], crds: {enabled: false}}`,
		"install", "reused", chartWithout(t), "--namespace", namespace, "--create-namespace")
	helmMust(t, "an upgrade", "", "upgrade", "reused", chart, "--namespace", namespace, "--reuse-values", "--set", "replicaCount=3")
	got, err := helm(t, "", "get", "manifest", "reused", "--namespace", namespace)
	if err != nil {
		t.Fatal(err)
	}
	want, err := helm(t, `{watchNamespaces: [reused], crds: {enabled: false}, replicaCount: 3}`,
		"template", "reused", chart, "--namespace", namespace, "--values", "-")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got)) != strings.TrimSpace(string(want)) {
		t.Errorf("the upgrade installed\n%s\nwant\n%s", got, want)
	}
}

// kustomize is kubectl apply --server-side --force-conflicts -k config/default.
func kustomize(t *testing.T, c client.Client) {
	t.Helper()
	for _, object := range manifests.Rendered(t, "default") {
		if object.GetKind() == "Namespace" {
			continue
		}
		if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership); err != nil {
			t.Fatal(err)
		}
	}
}

// forget is kubectl delete secret -l owner=helm,name=RELEASE: what was installed stays.
func forget(t *testing.T, c client.Client, release string) {
	t.Helper()
	err := c.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace(systemNamespace), client.MatchingLabels{"owner": "helm", "name": release})
	if err != nil {
		t.Fatal(err)
	}
}

func deployment(t *testing.T, c client.Client) *appsv1.Deployment {
	t.Helper()
	found := &appsv1.Deployment{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: "billing-operator"}, found); err != nil {
		t.Fatal(err)
	}
	return found
}
