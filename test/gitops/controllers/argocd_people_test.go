package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// What people do with kubectl billing stays as long as Git does not declare the field, although
// Argo CD heals what differs.
func TestArgoCDAndThePlugin(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{"client-side apply": "", "`ServerSideApply=true`": "ServerSideApply=true"} {
		t.Run(strings.ReplaceAll(name, "`", ""), func(t *testing.T) {
			t.Parallel()
			s := synced(t, "compareOptions: ServerSideDiff=true\nsyncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: ["+options+"]}\n")
			s.billing("suspend", "acme")
			s.appBecomes("billing", "aware of it", func(v appVerdict) bool { return strings.Contains(v.Message, "Suspended") })
			s.staysSynced("billing", 3)
			s.sayArgoCD("`kubectl billing suspend`, "+name, s.appReads(s.getApplication("billing")), "survives")
			if !s.session("acme").Spec.Suspend {
				t.Error("Argo CD has undone the suspension")
			}
			s.billing("resume", "acme")
			release := s.hold()
			url := s.url("acme")
			s.billing("renew", "acme")
			for range 3 {
				s.compare("billing")
			}
			if s.session("acme").Annotations["billing.xtracta.com/renew-requested-at"] == "" {
				t.Error("Argo CD has taken the mark away")
			}
			release()
			s.eventually("it is renewed", func() bool { return s.url("acme") != url })
			s.works("acme")
			s.sayArgoCD("`kubectl billing renew` while the endpoint is unavailable, "+name, s.appReads(s.getApplication("billing")), "the mark survives, and the URL is renewed when the endpoint is back")
		})
	}
}

// When Git declares the field, Argo CD takes the suspension back, unless it is told to ignore the
// difference.
func TestArgoCDAgainstThePlugin(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spec     string
		survives bool
	}{
		"`kubectl billing suspend` while Git declares `suspend: false`": {automated, false},
		"the same, with `ignoreDifferences` and `RespectIgnoreDifferences=true`": {
			"syncPolicy: {automated: {prune: true, selfHeal: true}, syncOptions: [RespectIgnoreDifferences=true]}\n" +
				"ignoreDifferences: [{group: billing.xtracta.com, kind: BillingSession, jsonPointers: [/spec/suspend]}]\n", true},
	} {
		t.Run(strings.ReplaceAll(name, "`", ""), func(t *testing.T) {
			t.Parallel()
			needArgoCD(t)
			s := newStage(t)
			s.push(files("billing", "  suspend: false\n"))
			s.application("billing", row.spec)
			s.works("acme")
			s.appBecomes("billing", "healthy", appVerdict.good)
			said := s.billing("suspend", "acme")
			s.committed = time.Now()
			if row.survives {
				s.appBecomes("billing", "aware of it", func(v appVerdict) bool { return strings.Contains(v.Message, "Suspended") })
				s.staysSynced("billing", 3)
				s.sayArgoCD(name, s.appReads(s.getApplication("billing")), "survives")
				if !s.session("acme").Spec.Suspend {
					t.Error("Argo CD has undone the suspension")
				}
				return
			}
			s.eventually("Argo CD takes it back", func() bool { return !s.session("acme").Spec.Suspend })
			v := s.appBecomes("billing", "healthy", appVerdict.good)
			s.sayArgoCD(name, v, "is taken back; the plugin says: "+lastLine(strings.ReplaceAll(said, s.namespace, "finance")))
			if !strings.Contains(said, "Git declares") {
				t.Errorf("the plugin said: %s", said)
			}
		})
	}
}

func TestArgoCDExternalSecrets(t *testing.T) {
	t.Parallel()
	needArgoCD(t)
	s := newStage(t)
	vault := &externalSecrets{stage: s}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s.push(map[string]string{"billing/session.yaml": session})
	s.application("billing", automated)
	time.AfterFunc(5*time.Second, func() { vault.becomes(s.key) })
	go vault.run(ctx, 10*time.Second)
	s.appVerdict("billing")
	s.works("acme")
	v := s.appBecomes("billing", "healthy", appVerdict.good)
	s.sayArgoCD("external secrets: the key comes some seconds later", v, fmt.Sprintf("%d request", s.requests()))
	s.refreshes(3)
	s.staysSynced("billing", 3)
	s.sayArgoCD("external secrets: refreshed each 10 s without a change", s.appReads(s.getApplication("billing")), fmt.Sprintf("%d request in all", s.requests()))
	if s.requests() != 1 {
		t.Errorf("%d requests after refreshes", s.requests())
	}
	url, old := s.url("acme"), s.key
	s.key += "-rotated"
	s.endpoint.AddKeys(s.key)
	vault.becomes(s.key)
	s.eventually("there is a URL for the new key", func() bool { return s.url("acme") != url })
	s.works("acme")
	s.appBecomes("billing", "healthy", appVerdict.good)
	s.staysSynced("billing", 1)
	vault.becomes("")
	s.deleteKey()
	s.staysSynced("billing", 2)
	vault.becomes(s.key)
	s.refreshes(2)
	s.staysSynced("billing", 2)
	s.sayArgoCD("external secrets: rotated, deleted and made again", s.appReads(s.getApplication("billing")), fmt.Sprintf("%d request more, for the rotation", s.requests()))
	if s.requests() != 1 || s.endpoint.Requests(old) != 1 {
		t.Errorf("%d requests with the first key, %d with the second", s.endpoint.Requests(old), s.requests())
	}
}
