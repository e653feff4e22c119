package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// fieldManager owns the fields that the plugin sets. Flux removes fields whose manager's
// name begins with kubectl, so it must not.
const fieldManager = "billing-plugin"

// lastApplied is the annotation in which client-side apply keeps what it applied.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// gitSource is what applies a session from Git.
type gitSource struct {
	// name is the tool and its object.
	name string
	// managers own the fields that the tool applies.
	managers []string
	// reverts says when the tool sets a field back, and how to stop it.
	reverts string
}

// gitSources returns the tools whose marks a session has. The labels and annotations
// alone prove nothing: Helm sets the same label as Argo CD.
func gitSources(session *v1alpha1.BillingSession) []gitSource {
	var sources []gitSource
	for _, flux := range []struct{ prefix, kind, command, manager string }{
		{"kustomize.toolkit.fluxcd.io", "Kustomization", "kustomization", "kustomize-controller"},
		{"helm.toolkit.fluxcd.io", "HelmRelease", "helmrelease", "helm-controller"},
	} {
		name, namespace := session.Labels[flux.prefix+"/name"], session.Labels[flux.prefix+"/namespace"]
		if name == "" {
			continue
		}
		sources = append(sources, gitSource{
			name:     fmt.Sprintf("Flux (%s %s/%s)", flux.kind, namespace, name),
			managers: []string{flux.manager},
			reverts: fmt.Sprintf("sets it back at its next reconciliation. Change it in Git, or suspend Flux first with: flux suspend %s %s -n %s",
				flux.command, name, namespace),
		})
	}
	if application := argoApplication(session); application != "" {
		sources = append(sources, gitSource{
			name:     fmt.Sprintf("Argo CD (Application %s)", application),
			managers: []string{"argocd-controller", "argocd-application-controller"},
			reverts:  "shows the session as OutOfSync, and sets it back at the next sync or, with self-heal, at once. Change it in Git",
		})
	}
	return sources
}

// argoApplication returns the name of the Application by whichever of Argo CD's tracking
// methods is in use.
func argoApplication(session *v1alpha1.BillingSession) string {
	if id := session.Annotations["argocd.argoproj.io/tracking-id"]; id != "" {
		application, _, _ := strings.Cut(id, ":")
		return application
	}
	if application := session.Labels["argocd.argoproj.io/instance"]; application != "" {
		return application
	}
	return session.Labels["app.kubernetes.io/instance"]
}

// declares reports whether the tool has applied a value for the field at path.
func (g gitSource) declares(session *v1alpha1.BillingSession, path ...string) bool {
	ours := func(entry metav1.ManagedFieldsEntry) bool { return slices.Contains(g.managers, entry.Manager) }
	for _, entry := range session.ManagedFields {
		if ours(entry) && entry.FieldsV1 != nil && hasField(entry.FieldsV1.GetRawBytes(), "f:", path) {
			return true
		}
	}
	// Who changes a field takes its ownership away from a tool, until that applies it
	// again. Client-side apply also keeps the value in an annotation.
	return slices.ContainsFunc(session.ManagedFields, ours) && hasField([]byte(session.Annotations[lastApplied]), "", path)
}

// hasField reports whether a JSON object has the field at path, whose steps have a prefix.
func hasField(text []byte, prefix string, path []string) bool {
	var object map[string]any
	if json.Unmarshal(text, &object) != nil {
		return false
	}
	steps := make([]string, len(path))
	for i, step := range path {
		steps[i] = prefix + step
	}
	_, found, err := unstructured.NestedFieldNoCopy(object, steps...)
	return found && err == nil
}

// warnIfGitDeclares warns that a change of the field at path does not last.
func warnIfGitDeclares(env *environment, session *v1alpha1.BillingSession, field string, path ...string) {
	for _, source := range gitSources(session) {
		if source.declares(session, path...) {
			env.warn("%s: Git declares %s: %s %s", session.Name, field, source.name, source.reverts)
		}
	}
}
