package controllers

import (
	"cmp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/fixtures"
)

// Flux's wait, with its own reading of conditions and with the expressions that ship with the
// operator. The test writes the status of the situation. Flux waits until its timeout when a
// session is in progress, ends the wait at once when one has failed, and is ready when one is
// current.
func TestSituations(t *testing.T) {
	t.Parallel()
	for _, row := range fixtures.Situations(t) {
		t.Run(row.Situation, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			plain, shipped := declared(s, row, "plain"), declared(s, row, "shipped")
			s.commit(map[string]string{"plain/session.yaml": plain, "shipped/session.yaml": shipped})
			for _, session := range []string{plain, shipped} {
				s.apply(session)
			}
			s.pretend("plain", row.Session)
			s.pretend("shipped", row.Session)
			s.kustomization("plain", waiting)
			s.kustomization("shipped", waiting+s.expressions())
			s.expect("plain", row.Situation, row.KStatus)
			s.expect("shipped", row.Situation+", with config/flux's expressions", cmp.Or(row.Flux, row.KStatus))
		})
	}
}

// waiting is with the shortest timeout that Flux has.
const waiting = "wait: true\ntimeout: 30s\nretryInterval: 1h\n"

// expect waits for the verdict, and fails if Flux took the session for something else.
func (s *stage) expect(name, situation, want string) {
	s.t.Helper()
	v := s.verdict(name)
	s.say(situation, v, want)
	if got := s.health(v); got != want {
		s.t.Errorf("Flux takes the session for %s, want %s: %s", got, want, v)
	}
}

// health is what Flux took the session for.
func (s *stage) health(v verdict) string {
	switch {
	case v.Status == "True":
		return "Current"
	case v.Reason == "HealthCheckFailed" && strings.Contains(v.Message, "status: 'Failed'"):
		return "Failed"
	case v.Reason == "HealthCheckFailed" && strings.Contains(v.Message, "status: 'InProgress'"):
		return "InProgress"
	}
	return v.String()
}

// declared is the session as a file in Git, which the operator does not serve.
func declared(s *stage, row fixtures.Situation, name string) string {
	s.t.Helper()
	session := object(row.Session.GetAPIVersion(), row.Session.GetKind())
	session.SetNamespace(s.namespace)
	session.SetName(name)
	session.SetLabels(map[string]string{unwatched: "true"})
	session.Object["spec"] = row.Session.Object["spec"]
	text, err := yaml.Marshal(session.Object)
	s.must(err)
	return string(text)
}

// pretend writes the status of a fixtures.Situation, for the generation that the session has here.
func (s *stage) pretend(name string, as unstructured.Unstructured) {
	s.t.Helper()
	session := object(as.GetAPIVersion(), as.GetKind())
	s.must(s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, session))
	newer := session.GetGeneration() - as.GetGeneration()
	status, _, err := unstructured.NestedMap(as.Object, "status")
	s.must(err)
	older(status, newer)
	conditions, _, err := unstructured.NestedSlice(status, "conditions")
	s.must(err)
	for _, condition := range conditions {
		older(condition.(map[string]any), newer)
	}
	if conditions != nil {
		status["conditions"] = conditions
	}
	session.Object["status"] = status
	s.must(s.kube.Status().Update(s.t.Context(), session))
}

// older moves an observed generation, but not the one of a session that nobody has looked at.
func older(object map[string]any, newer int64) {
	if observed, found, _ := unstructured.NestedInt64(object, "observedGeneration"); found && observed > 0 {
		object["observedGeneration"] = max(0, observed+newer)
	}
}
