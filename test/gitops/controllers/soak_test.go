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
	first := len(s.flux.applications(s.namespace, "billing"))
	fleet := &watched{stage: s, urls: map[string]string{}}
	for end := time.Now().Add(*soak); time.Now().Before(end); time.Sleep(time.Second) {
		fleet.look()
	}
	requests := s.requests() - sessions
	s.eventually("the last answers are in the sessions", func() bool {
		fleet.look()
		return fleet.renewals >= requests
	})

	reconciliations, corrections := 0, 0
	for _, objects := range s.flux.applications(s.namespace, "billing")[first:] {
		reconciliations++
		for object, action := range objects {
			if action != "unchanged" {
				corrections++
				t.Errorf("Flux did to %s: %s", object, action)
			}
		}
	}
	t.Logf("%s: %d reconciliations, %d corrections of drift, %d requests, %d renewals, %d looks at an unready session",
		*soak, reconciliations, corrections, requests, fleet.renewals, fleet.unready)
	if want := int(*soak/(35*time.Second)) - 1; reconciliations < want {
		t.Errorf("%d reconciliations, want %d", reconciliations, want)
	}
	if fleet.unready > 0 {
		t.Errorf("%d looks at an unready session", fleet.unready)
	}
	for _, request := range s.endpoint.Log() {
		if request.Key == standin.KeyID(s.key) && request.Outcome != standin.Granted && request.Outcome != standin.Pending {
			t.Errorf("a request was %s", request.Summary())
		}
	}
}

// watched are the sessions of a stage, seen again and again.
type watched struct {
	stage    *stage
	urls     map[string]string // by session
	renewals int
	unready  int // looks at a session that was not ready
}

func (w *watched) look() {
	w.stage.t.Helper()
	var list v1alpha1.BillingSessionList
	w.stage.must(w.stage.kube.List(w.stage.t.Context(), &list, client.InNamespace(w.stage.namespace)))
	for _, session := range list.Items {
		url := session.Status.URL
		if before := w.urls[session.Name]; before != "" && before != url {
			w.renewals++
		}
		w.urls[session.Name] = url
		if !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) {
			w.unready++
		}
	}
}
