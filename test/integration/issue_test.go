package integration

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

const (
	createSecret = "create *v1.Secret"
	patchSecret  = "patch *v1.Secret"
	updateSecret = "update *v1.Secret"
	patchStatus  = "patch status *v1alpha1.BillingSession"
	readLive     = "get *v1.Secret"
)

func TestSessionGetsItsURLAndRenewsItAtTheLeastCost(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.clock.Stop()
	first := w.issued("acme", builders.Expiration(600))
	w.rest()
	if diff := cmp.Diff([]string{readLive, createSecret, patchStatus}, w.calls.since()); diff != "" {
		t.Errorf("the first issue cost (-want +got):\n%s", diff)
	}
	w.holdsGrant(first)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1})

	w.clock.Step(w.until(first.Status.RenewalTime.Time) - 2*time.Second)
	w.rest()
	if got := w.Standin.Total(); got != 1 {
		t.Errorf("%d requests before renewal is due, want 1", got)
	}
	w.clock.Step(3 * time.Second)
	w.waitForNewURL("acme", first.Status.URL)
	w.rest()
	if diff := cmp.Diff([]string{patchSecret, patchStatus}, w.calls.since()); diff != "" {
		t.Errorf("the renewal cost (-want +got):\n%s", diff)
	}
	w.waitForRequests(2)
	w.holdsGrant(w.Get("acme"))
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1})
}

// holdsGrant holds that Secret, status and the endpoint agree on the URL.
func (w *world) holdsGrant(session *v1alpha1.BillingSession) {
	w.T.Helper()
	granted := w.Standin.Grants(w.Key)
	last := granted[len(granted)-1]
	secret := w.Secret(session.Status.SecretName)
	if secret == nil {
		w.T.Fatal("there is no Secret")
	}
	want := map[string][]byte{"url": []byte(last.URL), "expire": []byte(strconv.FormatInt(last.Expire.Unix(), 10))}
	if diff := cmp.Diff(want, secret.Data); diff != "" {
		w.T.Errorf("the Secret (-granted +stored):\n%s", diff)
	}
	if session.Status.URL != last.URL || !session.Status.ExpirationTime.Time.Equal(last.Expire) {
		w.T.Errorf("the status shows another grant than the last one")
	}
	if len(secret.OwnerReferences) != 1 || secret.OwnerReferences[0].UID != session.UID || *secret.OwnerReferences[0].BlockOwnerDeletion {
		w.T.Errorf("the Secret's owners: %+v", secret.OwnerReferences)
	}
	if secret.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy || secret.Labels[v1alpha1.LabelSession] != session.Name {
		w.T.Errorf("the Secret's labels: %v", secret.Labels)
	}
}

func TestRequestSaysWhatTheSessionDeclares(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.Session("plain")
	w.Session("full", builders.Purge(v1alpha1.PurgeDelete), builders.Expiration(3600))
	w.waitForRequests(2)
	asked := map[string]time.Duration{}
	for _, request := range w.Standin.Log() {
		asked[request.Purge] = request.Expire
	}
	if diff := cmp.Diff(map[string]time.Duration{"": 10 * time.Minute, "delete": time.Hour}, asked); diff != "" {
		t.Errorf("purge and expire as they were sent (-want +got):\n%s", diff)
	}
}

func TestNothingIsReadOrWrittenAtRest(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	for _, name := range []string{"a", "b", "c"} {
		w.issued(name)
	}
	w.rest()
	w.calls.since()
	for range 6 {
		w.clock.Step(10 * time.Minute)
		w.rest()
	}
	if diff := cmp.Diff([]string(nil), w.calls.since()); diff != "" {
		t.Errorf("an hour at rest cost (-want +got):\n%s", diff)
	}
	w.andPass("a", func() { w.andPass("b", func() { w.andPass("c", w.restart) }) })
	if diff := cmp.Diff([]string(nil), w.calls.since()); diff != "" {
		t.Errorf("a restart cost (-want +got):\n%s", diff)
	}
	w.waitForRequests(3)
}

// TestASecretIsReadOnceForEachVersion that the controller has not written itself: an edit, and what
// an earlier version of the controller left behind. A restart knows from the status what is as it
// should be.
func TestASecretIsReadOnceForEachVersion(t *testing.T) {
	t.Parallel()
	for _, shown := range []v1alpha1.URLInStatus{v1alpha1.URLInStatusFull, v1alpha1.URLInStatusHidden} {
		t.Run(string(shown), func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.issued("acme", builders.URLInStatus(shown))
			w.issued("rests", builders.URLInStatus(shown))
			w.edit("rests", builders.Suspended())
			w.passFloor()
			w.calls.since()
			for _, row := range []struct {
				what   string
				change func()
				want   []string
			}{
				{"a restart", w.restart, nil},
				{"somebody adds a label", func() { w.poke("acme") }, []string{readLive}},
				{"ten minutes pass", func() { w.clock.Step(10 * time.Minute) }, nil},
				{"the template changes", func() {
					w.edit("acme", builders.Template(map[string]v1alpha1.LabelValue{"team": "ours"}, nil))
				}, []string{readLive, updateSecret, patchStatus}},
				{"a restart after that", w.restart, nil},
				{"an earlier version had no such field", func() {
					w.controller.stop()
					w.forgetVersion("acme")
					w.forgetVersion("rests")
					w.run()
				}, []string{readLive, readLive}},
				{"ten more minutes pass", func() { w.clock.Step(10 * time.Minute) }, nil},
			} {
				w.andPass("acme", row.change)
				if diff := cmp.Diff(row.want, w.calls.since()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", row.what, diff)
				}
			}
			w.waitForRequests(2)
		})
	}
}

// forgetVersion leaves the status as versions without status.secretResourceVersion did.
func (w *world) forgetVersion(name string) {
	w.T.Helper()
	session := w.Get(name)
	if session.Status.SecretResourceVersion != w.Secret(name).ResourceVersion {
		w.T.Errorf("%s: the status vouches for version %q", name, session.Status.SecretResourceVersion)
	}
	session.Status.SecretResourceVersion = ""
	w.Must(w.Client.Status().Update(w.T.Context(), session))
}

func TestSessionsWithOneKeyReadItOnce(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		w.Session(name)
	}
	w.waitForRequests(4)
	reads := 0
	for _, made := range w.calls.since() {
		if made == readLive {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("the key was read %d times, want once", reads)
	}
}
