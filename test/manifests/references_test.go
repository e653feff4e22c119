package manifests_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// expectNothingLeftBehind: no field names the namespace that the overlay replaces.
func expectNothingLeftBehind(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	text, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, systemNamespace) {
			t.Errorf("%s %s still speaks of %s: %s", object.GetKind(), object.GetName(), systemNamespace, line)
		}
	}
}

// expectSubjects: each ServiceAccount and each role that is bound exists.
func expectSubjects(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	accounts, subjects := []string{}, []rbacv1.Subject{}
	for _, binding := range slices.Concat(objects.OfKind("ClusterRoleBinding"), objects.OfKind("RoleBinding")) {
		kind, _, _ := unstructured.NestedString(binding.Object, "roleRef", "kind")
		role, _, _ := unstructured.NestedString(binding.Object, "roleRef", "name")
		if len(objects.OfKind(kind)) > 0 && !exists(objects, kind, role) {
			t.Errorf("%s %s binds %s %s, which does not exist", binding.GetKind(), binding.GetName(), kind, role)
		}
	}
	for _, account := range manifests.All[corev1.ServiceAccount](t, objects, "ServiceAccount") {
		accounts = append(accounts, account.Namespace+"/"+account.Name)
	}
	for _, binding := range manifests.All[rbacv1.ClusterRoleBinding](t, objects, "ClusterRoleBinding") {
		subjects = append(subjects, binding.Subjects...)
	}
	for _, binding := range manifests.All[rbacv1.RoleBinding](t, objects, "RoleBinding") {
		subjects = append(subjects, binding.Subjects...)
	}
	for _, subject := range subjects {
		if !slices.Contains(accounts, subject.Namespace+"/"+subject.Name) {
			t.Errorf("ServiceAccount %s/%s is bound, and these exist: %q", subject.Namespace, subject.Name, accounts)
		}
	}
	if (len(accounts) == 0) != (len(subjects) == 0) {
		t.Errorf("there are %d ServiceAccounts and %d subjects", len(accounts), len(subjects))
	}
}

// expectMonitored: the ServiceMonitor selects the metrics Services in its namespace, and the
// alert on an absent operator waits for one of the jobs that come of them.
func expectMonitored(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	jobs := []string{}
	for _, monitor := range objects.OfKind("ServiceMonitor") {
		selector, _, _ := unstructured.NestedStringMap(monitor.Object, "spec", "selector", "matchLabels")
		for _, service := range manifests.All[corev1.Service](t, objects, "Service") {
			if service.Namespace == monitor.GetNamespace() && labels.SelectorFromSet(selector).Matches(labels.Set(service.Labels)) {
				jobs = append(jobs, service.Namespace+"/"+service.Name)
			}
		}
	}
	for _, rules := range objects.OfKind("PrometheusRule") {
		expected := expectedJob(t, rules)
		if !strings.HasPrefix(expected, rules.GetNamespace()+"/") {
			t.Errorf("the alert waits for %s, but the operator is in %s", expected, rules.GetNamespace())
		}
		if len(manifests.All[corev1.Service](t, objects, "Service")) > 0 && !slices.Contains(jobs, expected) {
			t.Errorf("the alert waits for %s, and these are scraped: %q", expected, jobs)
		}
	}
}

// expectedJob is the namespace and the job of the operator whose absence raises an alert.
func expectedJob(t *testing.T, rules *unstructured.Unstructured) string {
	t.Helper()
	groups, _, _ := unstructured.NestedSlice(rules.Object, "spec", "groups")
	for _, group := range groups {
		for _, rule := range group.(map[string]any)["rules"].([]any) {
			rule := rule.(map[string]any)
			if rule["record"] == "billing_operator_expected" {
				labels := rule["labels"].(map[string]any)
				return fmt.Sprintf("%v/%v", labels["namespace"], labels["job"])
			}
		}
	}
	t.Error("nothing says which operator is expected")
	return ""
}

// expectKeysOfSessions: each session names a Secret with its key that exists, and each pod
// that mounts a session's Secret mounts one that a session generates.
func expectKeysOfSessions(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	generated := []string{}
	for _, session := range manifests.All[v1alpha1.BillingSession](t, objects, "BillingSession") {
		if !exists(objects, "Secret", session.Spec.APIKeySecretRef.Name) {
			t.Errorf("session %s names Secret %s, which does not exist", session.Name, session.Spec.APIKeySecretRef.Name)
		}
		generated = append(generated, ptr.Deref(session.Spec.SecretName, session.Name))
	}
	for _, deployment := range manifests.All[appsv1.Deployment](t, objects, "Deployment") {
		for _, volume := range deployment.Spec.Template.Spec.Volumes {
			if volume.Secret != nil && !slices.Contains(generated, volume.Secret.SecretName) {
				t.Errorf("%s mounts Secret %s, but these are generated: %q", deployment.Name, volume.Secret.SecretName, generated)
			}
		}
	}
}

func exists(objects manifests.Manifest, kind, name string) bool {
	return slices.ContainsFunc(objects.OfKind(kind), func(o *unstructured.Unstructured) bool { return o.GetName() == name })
}
