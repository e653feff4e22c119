package plugin

import (
	"context"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The plugin under test is a development build, which warns of nothing.
func TestVersion(t *testing.T) {
	s := newStage(t)
	own := s.plugin("version", "--client").ends(0).says("").out
	if !strings.HasPrefix(own, "kubectl-billing ") || strings.Count(own, "\n") != 1 {
		t.Errorf("--client prints %q", own)
	}
	s.plugin("version", "--client", "--kubeconfig=", "--server=https://127.0.0.1:1").ends(0).prints(own)
	s.plugin("version").ends(0).prints(own +
		"CRD             unknown: it has no label app.kubernetes.io/version\n" +
		"manager         unknown: no Deployment with the label app.kubernetes.io/name=billing-operator has a container \"manager\"\n")

	s.labelCRD(t.Context(), `{"app.kubernetes.io/version":"v0.1.0"}`)
	t.Cleanup(func() { s.labelCRD(context.Background(), `{"app.kubernetes.io/version":null}`) })
	s.deployment("billing-operator", "registry.example.com:5000/billing-operator:v0.2.1")
	where := s.Namespace + "/billing-operator"
	s.plugin("version").ends(0).prints(own+
		"CRD             v0.1.0\n"+
		"manager         v0.2.1 ("+where+")\n").
		says("Warning: the CustomResourceDefinition (v0.1.0) is older than the manager "+where+" (v0.2.1)",
			"Apply the CustomResourceDefinition of v0.2.1")

	s.as("reader", viewerRules(t)...)
	s.plugin("version").ends(0).prints(own +
		"CRD             unknown: you may not read CustomResourceDefinitions\n" +
		"manager         unknown: you may not list Deployments in all namespaces\n")
}

func (s *stage) labelCRD(ctx context.Context, labels string) {
	s.T.Helper()
	crd := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: "billingsessions.billing.xtracta.com"}}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":`+labels+`}}`))
	s.Must(s.Client.Patch(ctx, crd, patch))
}

// deployment is what config/manager deploys, as far as the plugin looks at it.
func (s *stage) deployment(name, image string) {
	labels := map[string]string{"app.kubernetes.io/name": "billing-operator"}
	s.Create(&appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: name, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: image}}},
			},
		},
	})
}
