//go:build gitops

package controllers

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/test/fixtures"
)

// fluxSituation has Flux wait for a session of which the test writes the status, with Flux's own reading
// of conditions and with the expressions that ship with the operator. Flux waits until its timeout when
// a session is in progress, ends the wait at once when one has failed, and is ready when one is current.
func fluxSituation(s *stage, row fixtures.Situation) {
	s.commit(map[string]string{"plain/session.yaml": s.declared(row, "plain"), "shipped/session.yaml": s.declared(row, "shipped")})
	const shortest = "timeout: 30s\nretryInterval: 1h\n" // that Flux has
	for name, spec := range map[string]string{"plain": shortest, "shipped": shortest + expressions(s)} {
		s.apply(s.declared(row, name))
		s.pretend(name, row.Session)
		s.kustomization(name, spec)
	}
	for name, want := range map[string]string{"plain": row.KStatus, "shipped": cmp.Or(row.Flux, row.KStatus)} {
		if v := s.verdict(name); v.tookItFor() != want {
			s.T.Errorf("Flux takes the session %s for %s, want %s: %+v", name, v.tookItFor(), want, v)
		}
	}
}

// tookItFor is what Flux took the session for.
func (v verdict) tookItFor() string {
	if v.Status == "True" {
		return "Current"
	}
	for _, status := range []string{"Failed", "InProgress"} {
		if v.Reason == "HealthCheckFailed" && strings.Contains(v.Message, "status: '"+status+"'") {
			return status
		}
	}
	return "something else"
}

// argoSituation has Argo CD look at a session of which the test writes the status.
func argoSituation(s *stage, row fixtures.Situation) {
	s.push(map[string]string{"billing/session.yaml": s.declared(row, "acme")})
	s.application("billing", automated)
	s.synced("billing")
	s.pretend("acme", row.Session)
	s.appBecomes("billing", func(v appVerdict) bool { return v.Health == row.ArgoCD })
	// Argo CD sees at once that a health changes, but not that only its message does.
	s.compare("billing")
	v := s.appBecomes("billing", func(v appVerdict) bool { return strings.Contains(v.Message, row.Says) })
	if v.Sync != "Synced" || v.Health != row.ArgoCD {
		s.T.Errorf("Argo CD says: %+v", v)
	}
}

// declared is the session as a file in Git, which the operator does not serve.
func (s *stage) declared(row fixtures.Situation, name string) string {
	s.T.Helper()
	session := object(row.Session.GetAPIVersion(), row.Session.GetKind())
	session.SetNamespace(s.Namespace)
	session.SetName(name)
	session.SetLabels(map[string]string{unwatched: "true"})
	session.Object["spec"] = row.Session.Object["spec"]
	return asYAML(s.T, session.Object)
}

// pretend writes the status of a situation, for the generation that the session has here.
func (s *stage) pretend(name string, as unstructured.Unstructured) {
	s.T.Helper()
	session := object(as.GetAPIVersion(), as.GetKind())
	s.Must(s.kube.Get(s.T.Context(), s.At(name), session))
	newer := session.GetGeneration() - as.GetGeneration()
	pretended := as.DeepCopy().Object["status"].(map[string]any) //nolint:forcetypeassert // each situation has a status
	older(pretended, newer)
	conditions, _ := pretended["conditions"].([]any)
	for _, condition := range conditions {
		older(condition.(map[string]any), newer) //nolint:forcetypeassert // conditions are objects
	}
	session.Object["status"] = pretended
	s.Must(s.kube.Status().Update(s.T.Context(), session))
}

// older moves an observed generation, but not the one of a session that nobody has looked at.
func older(object map[string]any, newer int64) {
	if observed, found, _ := unstructured.NestedInt64(object, "observedGeneration"); found && observed > 0 {
		object["observedGeneration"] = max(0, observed+newer)
	}
}
