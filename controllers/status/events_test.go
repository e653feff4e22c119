package status

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestEventsAreWhatAPersonCaresAbout(t *testing.T) {
	t.Parallel()
	untouched, late, missing := conditions{}, reconciling(v1alpha1.ReasonKeySecretMissing), stalled(v1alpha1.ReasonKeySecretMissing)
	failing, keyGone := failing(v1alpha1.ReasonUnavailable), failing(v1alpha1.ReasonKeySecretMissing)
	expired, rejected, queued := reconciling(v1alpha1.ReasonExpired), stalled(v1alpha1.ReasonRejected), reconciling(v1alpha1.ReasonQueued)
	paused := conditions{ready: no, reason: v1alpha1.ReasonSuspended}
	for _, row := range []struct {
		why       string
		was, is   conditions
		first     bool
		suspended bool
		told      string
	}{
		{why: "the first URL is what the session is for", was: untouched, is: issued, first: true, told: v1alpha1.ReasonIssued},
		{why: "a renewal is routine", was: issued, is: issued},
		{why: "a failing renewal is told early", was: issued, is: failing, told: v1alpha1.ReasonUnavailable},
		{why: "a failure that goes on is told once", was: failing, is: failing},
		{why: "the cure is another one now", was: failing, is: keyGone, told: v1alpha1.ReasonKeySecretMissing},
		{why: "whoever was alarmed wants to hear the end", was: failing, is: issued, told: v1alpha1.ReasonRecovered},
		{why: "suspending mends nothing", was: failing, is: issued, suspended: true},
		{why: "now it matters", was: failing, is: expired, told: v1alpha1.ReasonExpired},
		{why: "whoever waits for its turn is in no trouble", was: untouched, is: queued, first: true},
		{why: "nor afterwards", was: queued, is: issued, first: true, told: v1alpha1.ReasonIssued},
		{why: "a key may come some seconds after its session", was: untouched, is: late, first: true},
		{why: "or not at all", was: late, is: missing, first: true, told: v1alpha1.ReasonKeySecretMissing},
		{why: "a key that came makes a first URL", was: late, is: issued, first: true, told: v1alpha1.ReasonIssued},
		{why: "a key that goes while a URL is alive is told", was: issued, is: keyGone, told: v1alpha1.ReasonKeySecretMissing},
		{why: "whoever suspends knows it", was: expired, is: paused, suspended: true},
		{why: "a person must act", was: issued, is: rejected, told: v1alpha1.ReasonRejected},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			before, after := sessionWith(row.was), sessionWith(row.is)
			if !row.first {
				before.Status.ExpirationTime = &metav1.Time{Time: time.Unix(1, 0)}
			}
			after.Spec.Suspend = row.suspended
			var said string
			if event := EventFor(before, after); event != nil {
				said = event.Reason
			}
			if said != row.told {
				t.Errorf("told %q, want %q", said, row.told)
			}
		})
	}
}

var issued = conditions{ready: yes, reason: v1alpha1.ReasonIssued}

func failing(reason string) conditions {
	return conditions{ready: yes, reason: v1alpha1.ReasonIssued, also: v1alpha1.ConditionRenewalFailing, alsoReason: reason}
}

func reconciling(reason string) conditions {
	return conditions{ready: no, reason: reason, also: v1alpha1.ConditionReconciling, alsoReason: reason}
}

func stalled(reason string) conditions {
	return conditions{ready: no, reason: reason, also: v1alpha1.ConditionStalled, alsoReason: reason}
}

func sessionWith(c conditions) *v1alpha1.BillingSession {
	session := &v1alpha1.BillingSession{}
	if c != (conditions{}) {
		c.set(&session.Status, time.Unix(1, 0))
	}
	return session
}

func TestNoteOfAnEventIsAsLongAsTheAPIServerTakes(t *testing.T) {
	t.Parallel()
	if maxNote != 1024 { // the API server refuses events with a longer note, and has no constant for it that others can import
		t.Errorf("notes of up to %d bytes, want 1024", maxNote)
	}
	for _, note := range []string{"", "short", strings.Repeat("x", maxNote), strings.Repeat("x", maxNote+1), "x" + strings.Repeat("\U00020000", maxNote)} {
		got := shorten(note)
		if len(got) > maxNote || !utf8.ValidString(got) {
			t.Errorf("%d bytes became %d, valid: %t", len(note), len(got), utf8.ValidString(got))
		}
		if len(note) <= maxNote && got != note {
			t.Errorf("%q was changed", note)
		}
	}
}
