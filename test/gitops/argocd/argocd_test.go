package argocd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	appv1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const renewalAnnotation = "billing.xtracta.com/renew-requested-at"

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

func TestActionsOnOffer(t *testing.T) {
	for _, row := range []struct {
		suspended bool
		enabled   map[string]bool
	}{
		{false, map[string]bool{"renew": true, "suspend": true, "resume": false}},
		{true, map[string]bool{"renew": false, "suspend": false, "resume": true}},
	} {
		vm := lua.VM{ResourceOverrides: installed(t)}
		session := sessionWith(t, row.suspended)
		scripts, err := vm.GetResourceActionDiscovery(session)
		if err != nil {
			t.Fatal(err)
		}
		actions, err := vm.ExecuteResourceActionDiscovery(session, scripts)
		if err != nil {
			t.Fatal(err)
		}
		if len(actions) != len(row.enabled) {
			t.Errorf("%d actions are on offer, want %d", len(actions), len(row.enabled))
		}
		for _, action := range actions {
			if action.Disabled == row.enabled[action.Name] {
				t.Errorf("suspended %v: action %s disabled %v", row.suspended, action.Name, action.Disabled)
			}
		}
	}
}

func TestActions(t *testing.T) {
	for _, row := range []struct {
		action    string
		suspended bool
		field     []string
		check     func(value any) bool
	}{
		{"renew", false, []string{"metadata", "annotations", renewalAnnotation},
			func(v any) bool { token, _ := v.(string); return len(token) == len("2030-01-01T10:00:00Z") }},
		{"suspend", false, []string{"spec", "suspend"}, func(v any) bool { return v == true }},
		{"resume", true, []string{"spec", "suspend"}, func(v any) bool { return v == false }},
	} {
		t.Run(row.action, func(t *testing.T) {
			session := sessionWith(t, row.suspended)
			changed := runAction(t, session.DeepCopy(), row.action)
			value, _, err := unstructured.NestedFieldNoCopy(changed.Object, row.field...)
			if err != nil || !row.check(value) {
				t.Errorf("%v is %v, %v", row.field, value, err)
			}
			unstructured.RemoveNestedField(changed.Object, row.field...)
			unstructured.RemoveNestedField(session.Object, row.field...)
			if annotations := changed.GetAnnotations(); len(annotations) == 0 {
				changed.SetAnnotations(nil)
			}
			before, _ := yaml.Marshal(session.Object)
			after, _ := yaml.Marshal(changed.Object)
			if !bytes.Equal(before, after) {
				t.Errorf("more than that changed:\n%s\nto\n%s", before, after)
			}
		})
	}
}

func TestRenewKeepsOtherAnnotations(t *testing.T) {
	session := sessionWith(t, false)
	session.SetAnnotations(map[string]string{"example.com/kept": "yes", renewalAnnotation: "before"})
	annotations := runAction(t, session, "renew").GetAnnotations()
	if annotations["example.com/kept"] != "yes" || annotations[renewalAnnotation] == "before" {
		t.Errorf("annotations are %v", annotations)
	}
}

func exampleApplication(t *testing.T, path ...string) (application appv1.Application) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{root, "config", "argocd"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &application); err != nil {
		t.Fatal(err)
	}
	return application
}

func runAction(t *testing.T, session *unstructured.Unstructured, name string) *unstructured.Unstructured {
	t.Helper()
	vm := lua.VM{ResourceOverrides: installed(t)}
	action, err := vm.GetResourceAction(session, name)
	if err != nil {
		t.Fatal(err)
	}
	impacted, err := vm.ExecuteResourceAction(session, action.ActionLua, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(impacted) != 1 || impacted[0].K8SOperation != lua.PatchOperation {
		t.Fatalf("the action does %+v, want one patch", impacted)
	}
	return impacted[0].UnstructuredObj
}

func sessionWith(t *testing.T, suspended bool) *unstructured.Unstructured {
	t.Helper()
	session := situations(t)[0].Session
	if suspended {
		_ = unstructured.SetNestedField(session.Object, true, "spec", "suspend")
	}
	return &session
}

func installed(t *testing.T) map[string]appv1.ResourceOverride {
	t.Helper()
	overrides, err := Installed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return overrides
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
	if err := yaml.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}
