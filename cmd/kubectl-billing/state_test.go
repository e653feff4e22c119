package main

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// noon is a random time of the next century: code that reads another clock fails.
var noon = time.Date(2100, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(rand.Int64N(int64(80 * 365 * 24 * time.Hour)))).Truncate(time.Second)

func in(d time.Duration) *metav1.Time {
	at := metav1.NewTime(noon.Add(d))
	return &at
}

type change = func(*v1alpha1.BillingSession)

func session(name string, changes ...change) *v1alpha1.BillingSession {
	s := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{
		Namespace: "finance", Name: name, UID: types.UID(name), CreationTimestamp: *in(-5 * time.Hour)}}
	s.Status.SecretName = name
	for _, change := range changes {
		change(s)
	}
	return s
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) change {
	return func(s *v1alpha1.BillingSession) {
		s.Status.Conditions = append(s.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message})
	}
}

func issued(expires, renews time.Duration) change {
	return func(s *v1alpha1.BillingSession) {
		condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonIssued, "The URL is alive")(s)
		s.Status.ExpirationTime, s.Status.RenewalTime = in(expires), in(renews)
	}
}

func clockOffset(seconds int64) change {
	return func(s *v1alpha1.BillingSession) {
		s.Status.IssuedFor = &v1alpha1.IssuedFor{ClockOffsetSeconds: seconds}
	}
}

func expired(ago time.Duration) change {
	return func(s *v1alpha1.BillingSession) {
		condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonExpired, "The URL has expired")(s)
		s.Status.ExpirationTime = in(-ago)
	}
}

func retry(at time.Duration) change {
	return func(s *v1alpha1.BillingSession) {
		s.Status.LastAttempt = &v1alpha1.Attempt{Outcome: v1alpha1.OutcomeUnavailable, NextTime: in(at)}
	}
}

func requested(token, handled string) change {
	return func(s *v1alpha1.BillingSession) {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, v1alpha1.AnnotationRenewRequestedAt, token)
		s.Status.LastHandledRenewRequest = handled
	}
}

func suspended(s *v1alpha1.BillingSession) { s.Spec.Suspend, s.Status.RenewalTime = true, nil }

var (
	failing = condition(v1alpha1.ConditionRenewalFailing, metav1.ConditionTrue, v1alpha1.ReasonUnavailable, "The endpoint answered 503")
	refused = condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonRejected, "The endpoint answered 403")
)

func TestStateAtAGlance(t *testing.T) {
	long := strings.Repeat("t", v1alpha1.MaxRenewRequestLength+1)
	const digest = "sha256:274a580b94e9633dadb44e9968b890699edb543c6652762218e983910c9e25cc"
	for _, row := range []struct {
		why     string
		changes []change
		want    state
	}{
		{"nobody has looked at it", nil,
			state{ready: "Unknown", life: "-", renews: "-", message: "The operator has not looked at it yet"}},
		{"all is well", []change{issued(8*time.Minute, 5*time.Minute)},
			state{ready: "True", life: "8m", renews: "in 5m"}},
		{"the endpoint's clock is ahead, and life is told by ours", []change{issued(8*time.Minute, 5*time.Minute), clockOffset(180)},
			state{ready: "True", life: "5m", renews: "in 5m"}},
		{"the endpoint's clock is behind", []change{issued(-time.Minute, 5*time.Minute), clockOffset(-180)},
			state{ready: "True", life: "2m", renews: "in 5m"}},
		{"it works, and will not for long", []change{issued(8*time.Minute, -time.Minute), failing, retry(20 * time.Second)},
			state{ready: "True", life: "8m", renews: "in 20s", cause: "Unavailable", message: "The endpoint answered 503"}},
		{"a request of a person failed; the renewal stands", []change{issued(8*time.Minute, 5*time.Minute), retry(time.Minute)},
			state{ready: "True", life: "8m", renews: "in 5m"}},
		{"a request of a person failed and is still open", []change{issued(8*time.Minute, 5*time.Minute), retry(time.Minute), requested("2", "1")},
			state{ready: "True", life: "8m", renews: "in 60s"}},
		{"a request of a person failed and was answered since", []change{issued(8*time.Minute, 5*time.Minute), retry(time.Minute), requested("2", "2")},
			state{ready: "True", life: "8m", renews: "in 5m"}},
		{"a request with a long token is open", []change{issued(8*time.Minute, 5*time.Minute), retry(time.Minute), requested(long, "")},
			state{ready: "True", life: "8m", renews: "in 60s"}},
		{"a request with a long token was answered", []change{issued(8*time.Minute, 5*time.Minute), retry(time.Minute), requested(long, digest)},
			state{ready: "True", life: "8m", renews: "in 5m"}},
		{"the last attempt tells no time", []change{issued(8*time.Minute, 5*time.Minute), func(s *v1alpha1.BillingSession) { s.Status.LastAttempt = &v1alpha1.Attempt{} }},
			state{ready: "True", life: "8m", renews: "in 5m"}},
		{"its key is gone, and nothing can be asked for", []change{issued(8*time.Minute, 5*time.Minute),
			condition(v1alpha1.ConditionRenewalFailing, metav1.ConditionTrue, v1alpha1.ReasonKeySecretMissing, "There is no Secret")},
			state{ready: "True", life: "8m", renews: "-", cause: "KeySecretMissing", message: "There is no Secret"}},
		{"renewal is due", []change{issued(8*time.Minute, 0)}, state{ready: "True", life: "8m", renews: "now"}},
		{"it rests and works", []change{issued(8*time.Minute, 0), suspended}, state{ready: "True", life: "8m", renews: "suspended"}},
		{"it has expired, and the life left says so; why is another matter", []change{expired(3 * time.Minute), retry(time.Minute)},
			state{ready: "False", life: "expired 3m ago", renews: "in 60s", cause: "Unavailable", message: "The URL has expired"}},
		{"it has expired while nobody could ask", []change{expired(3 * time.Minute)},
			state{ready: "False", life: "expired 3m ago", renews: "-", cause: "Expired", message: "The URL has expired"}},
		{"it expires at this very second", []change{issued(0, -time.Minute)},
			state{ready: "True", life: "expired 0s ago", renews: "now", cause: "Expired", message: "The URL has expired, and the operator has not said so yet: is it running?"}},
		{"it never worked", []change{refused, retry(time.Hour)},
			state{ready: "False", life: "-", renews: "in 60m", cause: "Rejected", message: "The endpoint answered 403"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			if diff := cmp.Diff(row.want, stateOf(session("acme", row.changes...), noon), cmp.AllowUnexported(state{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatExpiresFirstComesFirst(t *testing.T) {
	sessions := []v1alpha1.BillingSession{
		*session("never"), *session("also-never"), *session("late", issued(time.Hour, 0)), *session("soon", issued(time.Minute, 0)),
		*session("gone", expired(time.Minute)), *session("soon-by-our-clock", issued(2*time.Hour, 0), clockOffset(7195)),
	}
	rand.Shuffle(len(sessions), func(i, j int) { sessions[i], sessions[j] = sessions[j], sessions[i] })
	slices.SortFunc(sessions, compareExpiry)
	var names []string
	for _, s := range sessions {
		names = append(names, s.Name)
	}
	if got, want := strings.Join(names, " "), "gone soon-by-our-clock soon late also-never never"; got != want {
		t.Errorf("in order: %s, want %s", got, want)
	}
}
