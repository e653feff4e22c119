package controllers

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// restsAt is an instant at which a session in that situation has nothing to do.
var restsAt = map[string]string{
	"ready": "10:01:00", "hidden": "10:01:00", "requested": "10:01:00", "suspended": "10:01:00",
	"failing": "10:07:05", "rejected": "10:00:30",
}

// TestWhatEarlierVersionsStoredIsLeftAlone: each file is a session, with its generated Secret if
// there is one, as some version of the operator left them. Every later one must rest on them: an
// upgrade would otherwise cost a request or a write for each session of a cluster at once.
// Never change such a file; a version that stores something else adds files.
func TestWhatEarlierVersionsStoredIsLeftAlone(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "stored-*.yaml"))
	if err != nil || len(files) < len(restsAt) {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			situation := strings.TrimSuffix(file[strings.LastIndex(file, "-")+1:], ".yaml")
			now, err := time.Parse(time.RFC3339, "2030-01-01T"+restsAt[situation]+"Z")
			must(t, err)
			s := newStage(t)
			s.clock.SetTime(now)
			s.endpoint.url = "https://api-app.xtracta.com/v1/billings/billing_ui" // as the files were made with
			s.put(file)
			s.reconcile()
			if situation != "failing" && situation != "rejected" { // which a change of the key's Secret wakes
				s.store.add(builders.KeySecretOf(finance, "key", "key-of-the-group"))
				s.reconcile()
			}
			if s.store.made != (writes{}) || s.endpoint.requests > 0 {
				t.Errorf("%d requests, and %+v", s.endpoint.requests, s.store.made)
			}
		})
	}
}

// put replaces the session by what a file holds.
func (s *stage) put(file string) {
	s.t.Helper()
	text, err := os.ReadFile(file)
	must(s.t, err)
	documents := bytes.Split(text, []byte("\n---\n"))
	session := &v1alpha1.BillingSession{}
	must(s.t, yaml.UnmarshalStrict(documents[0], session))
	s.store.sessions[acme] = session
	if len(documents) > 1 {
		generated := &corev1.Secret{}
		must(s.t, yaml.UnmarshalStrict(documents[1], generated))
		s.store.secrets[client.ObjectKeyFromObject(generated)] = generated
	}
}
