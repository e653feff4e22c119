package status_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/status"
)

func at(when time.Time) *metav1.Time { return &metav1.Time{Time: when} }

// TestStatusShowsTheGrant has a row for each thing that changes what is shown beside the
// conditions. Each row begins with what an earlier pass left in the status.
func TestStatusShowsTheGrant(t *testing.T) {
	t.Parallel()
	inputs := v1alpha1.Inputs{Purge: v1alpha1.PurgeDelete}
	held := &renewal.Grant{Issued: now.Add(999 * time.Millisecond), Expire: now.Add(time.Hour), Offset: 7 * time.Second, Inputs: inputs}
	due := now.Add(time.Minute)
	before := v1alpha1.BillingSessionStatus{
		ObservedGeneration: 2, SecretName: "former", SecretResourceVersion: "6", URL: "https://former.example/", LastHandledRenewRequest: "former",
		LastAttempt: &v1alpha1.Attempt{Message: "former"}, IssueTime: at(now.Add(-time.Hour)), ExpirationTime: at(now), RenewalTime: at(now),
	}
	shown := v1alpha1.BillingSessionStatus{
		ObservedGeneration: 3, SecretName: "acme", URL: "https://example.com/", LastHandledRenewRequest: "token",
		IssueTime: at(now), ExpirationTime: at(now.Add(time.Hour)), RenewalTime: at(due),
		IssuedFor: &v1alpha1.IssuedFor{Inputs: inputs, ClockOffsetSeconds: 7},
	}
	for _, row := range []struct {
		why    string
		change func(in *status.Input)
		want   func(s *v1alpha1.BillingSessionStatus)
	}{
		{"a URL that is alive is shown", func(*status.Input) {}, func(*v1alpha1.BillingSessionStatus) {}},
		{"a Secret that is not there has no name to mount",
			func(in *status.Input) { in.HasSecret = false }, func(s *v1alpha1.BillingSessionStatus) { s.SecretName = "" }},
		{"a Secret that is as it should be is vouched for",
			func(in *status.Input) { in.IntactVersion = "7" }, func(s *v1alpha1.BillingSessionStatus) { s.SecretResourceVersion = "7" }},
		{"an expired link must not be clicked, and its times say since when",
			func(in *status.Input) { in.Plan.Active, in.Plan.UpToDate = nil, false },
			func(s *v1alpha1.BillingSessionStatus) { s.URL, s.RenewalTime = "", nil }},
		{"without a grant the times of the last one stay",
			func(in *status.Input) { in.Grant, in.Plan.Active, in.Plan.UpToDate = nil, nil, false },
			func(s *v1alpha1.BillingSessionStatus) {
				s.URL, s.RenewalTime, s.IssuedFor, s.IssueTime, s.ExpirationTime = "", nil, nil, before.IssueTime, before.ExpirationTime
			}},
		{"many may read the resource and not the Secret",
			func(in *status.Input) { in.Session.Spec.URLInStatus = v1alpha1.URLInStatusHidden },
			func(s *v1alpha1.BillingSessionStatus) { s.URL = "" }},
		{"a suspended session is not renewed",
			func(in *status.Input) { in.Session.Spec.Suspend = true }, func(s *v1alpha1.BillingSessionStatus) { s.RenewalTime = nil }},
		{"a URL for older inputs is replaced at once, not when it is due",
			func(in *status.Input) { in.Plan.UpToDate = false }, func(s *v1alpha1.BillingSessionStatus) { s.RenewalTime = nil }},
		{"a renewal that failed is tried again later than it was due",
			func(in *status.Input) { in.Facts.Last = &v1alpha1.Attempt{NextTime: at(due.Add(time.Second))} },
			func(s *v1alpha1.BillingSessionStatus) {
				s.LastAttempt = &v1alpha1.Attempt{NextTime: at(due.Add(time.Second))}
				s.RenewalTime = at(due.Add(time.Second))
			}},
		{"a failed early request does not bring the renewal forward",
			func(in *status.Input) { in.Facts.Last = &v1alpha1.Attempt{NextTime: at(due.Add(-time.Second))} },
			func(s *v1alpha1.BillingSessionStatus) {
				s.LastAttempt = &v1alpha1.Attempt{NextTime: at(due.Add(-time.Second))}
			}},
		{"an attempt without a next time, as somebody may have written it",
			func(in *status.Input) { in.Facts.Last = &v1alpha1.Attempt{} },
			func(s *v1alpha1.BillingSessionStatus) { s.LastAttempt = &v1alpha1.Attempt{} }},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Generation: 3}, Status: *before.DeepCopy()}
			in := status.Input{
				Session: session, Facts: renewal.Facts{Now: now, HandledRequest: "token"},
				Plan:  renewal.Plan{Active: held, UpToDate: true, Due: due.Add(999 * time.Millisecond)},
				Grant: held, URL: "https://example.com/", SecretName: "acme", HasSecret: true,
			}
			row.change(&in)
			want := *shown.DeepCopy()
			row.want(&want)
			if diff := cmp.Diff(want, status.Of(in), cmpopts.IgnoreFields(want, "Conditions")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(before, session.Status); diff != "" {
				t.Errorf("the session as it was read has changed (-want +got)\n%s", diff)
			}
		})
	}
}

// A status with a token or message over its limit would be refused whole, and with it the URL.
func TestTextsFitIntoTheStatus(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("é", v1alpha1.MaxRenewRequestLength)
	request := func(token string) string {
		return status.RenewRequest(&v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{
			Annotations: map[string]string{v1alpha1.AnnotationRenewRequestedAt: token},
		}})
	}
	if got := request(longest); got != longest {
		t.Errorf("a token of %d characters became %q", v1alpha1.MaxRenewRequestLength, got)
	}
	// Another text for the same token, by another version of the operator, would be answered again.
	const digest = "sha256:90e1c4f711be468dbc8eeb89fe5429ad88aca33985daaa8f7898dac7b629b2ef"
	if got := request(longest + "x"); got != digest {
		t.Errorf("a longer token became %q", got)
	}
	for text, want := range map[string]string{"": "", "é": "é", "éé": "éé", "ééé": "ééé", "éééé": "éé…"} {
		if got := status.Truncate(text, 3); got != want {
			t.Errorf("%q cut to 3 characters is %q, want %q", text, got, want)
		}
	}
}

func TestTimestampIsInUTC(t *testing.T) {
	t.Parallel()
	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.FixedZone("east", 3600))
	if got := status.Timestamp(noon); got != "2030-01-01T11:00:00Z" {
		t.Errorf("%s: people in several zones compare what they read", got)
	}
}
