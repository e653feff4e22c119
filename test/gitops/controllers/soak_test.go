package controllers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/standin"
)

// Sessions of a minute are renewed while Flux looks at them each thirty seconds. Flux has nothing
// to correct, no session is ever unready, and no request is spent but on renewals.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		t.Skip("the soak was not asked for; see: make gitops-soak")
	}
	const sessions = 20
	s := newStage(t)
	files := map[string]string{"billing/key.yaml": keySecret}
	for i := range sessions {
		name := fmt.Sprintf("acme-%02d", i)
		files["billing/"+name+".yaml"] = strings.Replace(session, "name: acme", "name: "+name, 1) + "  expirationSeconds: 60\n"
	}
	s.commit(files)
	s.kustomization("billing", "wait: true\ninterval: 30s\n"+s.expressions())
	if v := s.verdict("billing"); v.Status != "True" {
		t.Fatal(v)
	}
	if s.requests() != sessions {
		t.Errorf("%d requests for %d sessions", s.requests(), sessions)
	}
	first := len(flux.applications(s.namespace, "billing"))
	renewals, unready := s.watch(*soak)

	reconciliations, corrections := 0, 0
	for _, objects := range flux.applications(s.namespace, "billing")[first:] {
		reconciliations++
		for object, action := range objects {
			if action != "unchanged" {
				corrections++
				t.Errorf("Flux did to %s: %s", object, action)
			}
		}
	}
	requests := s.requests() - sessions
	t.Logf("%s: %d reconciliations, %d corrections of drift, %d requests, %d renewals, %d looks at an unready session",
		*soak, reconciliations, corrections, requests, renewals, unready)
	if want := int(*soak/(30*time.Second)) - 1; reconciliations < want {
		t.Errorf("%d reconciliations, want %d", reconciliations, want)
	}
	if unready > 0 || requests != renewals {
		t.Errorf("%d requests for %d renewals, %d looks at an unready session", requests, renewals, unready)
	}
	for _, request := range endpoint.Log() {
		if request.Key == standin.KeyID(s.key) && request.Outcome != standin.Granted {
			t.Errorf("a request was %s", request.Summary())
		}
	}
}

// watch looks at the sessions each second. It counts the renewals, by their times in the status,
// and the looks at a session that is not ready.
func (s *stage) watch(duration time.Duration) (renewals, unready int) {
	s.t.Helper()
	issued := map[string]string{}
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(time.Second) {
		var list v1alpha1.BillingSessionList
		s.must(kube.List(s.t.Context(), &list, client.InNamespace(s.namespace)))
		for _, session := range list.Items {
			url := session.Status.URL
			if before := issued[session.Name]; before != "" && before != url {
				renewals++
			}
			issued[session.Name] = url
			if !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) {
				unready++
			}
		}
	}
	return renewals, unready
}
