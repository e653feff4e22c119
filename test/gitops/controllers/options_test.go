package controllers

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (s *stage) exists(kustomization string) bool {
	s.t.Helper()
	u := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
	err := s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: s.fluxNamespace, Name: kustomization}, u)
	if !apierrors.IsNotFound(err) {
		s.must(err)
	}
	return err == nil
}

// A suspended Kustomization leaves the sessions to the operator, which renews them.
func TestSuspendedKustomization(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.commit(files("billing", "  expirationSeconds: 60\n"))
	s.kustomization("billing", "wait: true")
	v := s.verdict("billing")
	s.works("acme")
	s.kustomization("billing", "{wait: true, suspend: true}")
	s.commit(files("billing", "  expirationSeconds: 90\n"))
	s.eventually("it is renewed twice", func() bool { return s.requests() >= 3 })
	s.works("acme")
	got := s.session("acme")
	s.say("a suspended Kustomization", v, "sessions are renewed; a commit is not applied")
	if got.Spec.ExpirationSeconds != 60 {
		t.Errorf("the commit was applied: %+v", got.Spec)
	}
	s.kustomization("billing", "{wait: true, suspend: false}")
	v = s.becomes("billing", "True")
	s.works("acme")
	s.say("it is resumed", v, "the commit is applied")
	if got := s.session("acme"); got.Spec.ExpirationSeconds != 90 {
		t.Errorf("the commit was not applied: %+v", got.Spec)
	}
}

func TestTargetNamespace(t *testing.T) {
	t.Parallel()
	s, target := newStage(t), newStage(t)
	without := strings.NewReplacer(", namespace: $NAMESPACE", "", "$KEY", target.key)
	s.commit(map[string]string{"billing/key.yaml": without.Replace(keySecret), "billing/session.yaml": without.Replace(session)})
	s.kustomization("billing", "{wait: true, targetNamespace: "+target.namespace+"}")
	v := s.verdict("billing")
	target.works("acme")
	s.say("`targetNamespace`", v, "session, key and Secret are in that namespace")
	s.unchanged("billing", 2)
	if s.session("acme") != nil || target.requests() != 1 {
		t.Errorf("the session is elsewhere too, or %d requests", target.requests())
	}
}

// A dollar sign stays as it is unless a brace follows it. Two of them before a brace become one.
func TestPostBuild(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.commit(files("billing", "  secretTemplate:\n    annotations:\n"+
		"      example.com/cost-centre: \"${cost_centre}\"\n"+
		"      example.com/price: \"US$ 5\"\n"+
		"      example.com/word: \"$cost_centre\"\n"+
		"      example.com/literal: \"$${cost_centre}\"\n"))
	s.kustomization("billing", "{wait: true, postBuild: {substitute: {cost_centre: x4711}}}")
	v := s.verdict("billing")
	s.works("acme")
	var secret corev1.Secret
	s.must(s.kube.Get(t.Context(), client.ObjectKey{Namespace: s.namespace, Name: "acme"}, &secret))
	for name, want := range map[string]string{
		"cost-centre": "x4711", "price": "US$ 5", "word": "$cost_centre", "literal": "${cost_centre}",
	} {
		if got := secret.Annotations["example.com/"+name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	s.say("`postBuild` with `${cost_centre}`, `US$ 5`, `$cost_centre` and `$${cost_centre}` in values", v,
		"the first is substituted, the last becomes `${cost_centre}`, the others stay")
	s.unchanged("billing", 2)

	s.commit(files("billing", "  secretTemplate: {annotations: {example.com/unknown: \"${unknown}\"}}\n"))
	v = s.verdict("billing")
	s.say("`postBuild` with a variable that is not declared", v, "nothing changes")
	if v.Status != "False" || !strings.Contains(v.Message, "unknown") || s.requests() != 1 {
		t.Errorf("%s; %d requests", v, s.requests())
	}
}

// What mounts the Secret is applied after the session works.
func TestDependsOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	release := s.hold()
	both := files("billing")
	both["apps/settings.yaml"] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: $NAMESPACE}\n"
	s.commit(both)
	s.kustomization("billing", "wait: true")
	s.kustomization("apps", "{dependsOn: [{name: billing}]}")
	s.eventually("apps waits", func() bool { return s.ready(s.getKustomization("apps")).Reason == "DependencyNotReady" })
	if s.configMap("app") {
		t.Error("it did not wait")
	}
	before := s.ready(s.getKustomization("apps"))
	release()
	v := s.verdict("apps")
	s.say("`dependsOn` a Kustomization of sessions, while the endpoint is unavailable", before, v.Reason+" when the session works")
	if v.Status != "True" || s.url("acme") == "" || !s.configMap("app") {
		t.Error(v)
	}
}

func (s *stage) configMap(name string) bool {
	s.t.Helper()
	err := s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, &corev1.ConfigMap{})
	return err == nil
}

// A CustomResourceDefinition goes with all sessions of a cluster.
func TestDefinitionIsKept(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.must(s.kube.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "mine"}}))
	s.commit(definition(s))
	s.kustomization("crd", "wait: true")
	v := s.verdict("crd")
	if v.Status != "True" {
		t.Fatal(v)
	}
	s.commit(map[string]string{"crd/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app, namespace: $NAMESPACE}\n"})
	v = s.verdict("crd")
	s.say("a commit without the CustomResourceDefinition", v, "it stays")
	s.definitionStays()
	s.commit(definition(s))
	s.verdict("crd")
	s.must(s.kube.Delete(t.Context(), s.getKustomization("crd")))
	s.eventually("the Kustomization is gone", func() bool { return !s.exists("crd") })
	s.definitionStays()
}
