package controllers

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
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
			r, made, requests := newStored(t, file, now)
			reconcile := func() {
				t.Helper()
				name := inFinance("acme")
				if _, err := r.Reconcile(ctrl.LoggerInto(t.Context(), logr.Discard()), ctrl.Request{NamespacedName: name}); err != nil {
					t.Fatal(err)
				}
			}
			reconcile()
			if situation != "failing" && situation != "rejected" { // which a change of the key's Secret wakes
				made.add(builders.KeySecretOf("finance", "key", "key-of-the-group"))
				reconcile()
			}
			if made.tally != (tally{}) || requests.requests > 0 {
				t.Errorf("%d requests, and %+v", requests.requests, made.tally)
			}
		})
	}
}

// newStored is a reconciler that has just started, on what a file holds.
func newStored(t *testing.T, file string, now time.Time) (*Reconciler, *talliedStore, *counting) {
	t.Helper()
	r, store := newMemoryReconciler(0, Options{Concurrency: 1})
	r.clock.(*clocktesting.FakeClock).SetTime(now)
	text, err := os.ReadFile(file)
	must(t, err)
	documents := bytes.Split(text, []byte("\n---\n"))
	session := &v1alpha1.BillingSession{}
	must(t, yaml.UnmarshalStrict(documents[0], session))
	store.sessions[client.ObjectKeyFromObject(session)] = session
	if len(documents) > 1 {
		secret := &corev1.Secret{}
		must(t, yaml.UnmarshalStrict(documents[1], secret))
		store.secrets[client.ObjectKeyFromObject(secret)] = secret
	}
	made, requests := &talliedStore{memoryStore: store}, &counting{Endpoint: ofXtracta{r.endpoint}}
	r.endpoint, r.client = requests, client.WithFieldOwner(made, fieldManager)
	return r, made, requests
}

// ofXtracta has the address that the files were made with.
type ofXtracta struct{ Endpoint }

func (ofXtracta) URL() string { return "https://api-app.xtracta.com/v1/billings/billing_ui" }
