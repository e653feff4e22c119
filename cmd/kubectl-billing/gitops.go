package main

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// fieldManager owns the fields that the plugin sets. Flux removes fields whose manager's
// name begins with kubectl, so it must not.
const fieldManager = "billing-plugin"

// gitTools are the tools that apply what Git declares, by their field managers.
var gitTools = map[string]string{
	"kustomize-controller": "Flux", "helm-controller": "Flux",
	"argocd-controller": "Argo CD", "argocd-application-controller": "Argo CD",
}

// lastApplied is the annotation in which client-side apply keeps what it applied. Who
// changes a field takes its ownership away from a tool, but not this.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// warnIfGitDeclares warns that a change of a field, such as spec, suspend, does not last.
func warnIfGitDeclares(env *environment, session *v1alpha1.BillingSession, field ...string) {
	owned := make([]string, len(field)) // as managed fields name it
	for i, name := range field {
		owned[i] = "f:" + name
	}
	for _, entry := range session.ManagedFields {
		tool := gitTools[entry.Manager]
		owns := entry.FieldsV1 != nil && hasField(entry.FieldsV1.GetRawString(), owned)
		if tool != "" && (owns || hasField(session.Annotations[lastApplied], field)) {
			name := field[len(field)-1]
			env.warn("%s: Git declares %s, so %s sets it back: change it there", session.Name, name, tool)
			return
		}
	}
}

// hasField reports whether a JSON object has a field. What is no JSON object has none.
func hasField(text string, path []string) bool {
	var object map[string]any
	if json.Unmarshal([]byte(text), &object) != nil {
		return false
	}
	_, found, _ := unstructured.NestedFieldNoCopy(object, path...)
	return found
}
