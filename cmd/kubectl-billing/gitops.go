package main

import (
	"strings"

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

// warnIfGitDeclares warns that a change of a field, such as suspend, does not last.
func warnIfGitDeclares(env *environment, session *v1alpha1.BillingSession, field string) {
	for _, entry := range session.ManagedFields {
		tool := gitTools[entry.Manager]
		owns := entry.FieldsV1 != nil && strings.Contains(entry.FieldsV1.GetRawString(), `"f:`+field+`":`)
		if tool != "" && (owns || strings.Contains(session.Annotations[lastApplied], `"`+field+`":`)) {
			env.warn("%s: Git declares %s, so %s sets it back: change it there", session.Name, field, tool)
			return
		}
	}
}
