// Package status holds everything that the controller says of a session: its status, its
// conditions, its events and a summary of them. It is pure: facts and plans go in, values
// come out. Sentences that users read are in messages.go; those about an answer of the
// endpoint are in package endpoint.
package status

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Input is everything that a status is made from.
type Input struct {
	// Session as it was read.
	Session *v1alpha1.BillingSession
	// Facts and Plan are the last decision about it.
	Facts renewal.Facts
	Plan  renewal.Plan
	// Grant is the grant that the Secret holds or, while that is gone or edited, the
	// status; nil when there is none. URL is its URL.
	Grant *renewal.Grant
	URL   string
	// SecretName is the name of the generated Secret, and HasSecret reports whether it
	// exists and is ours.
	SecretName string
	HasSecret  bool
	// IntactVersion is the version of the Secret if it is as it should be, empty otherwise.
	IntactVersion string
	// Problems are what the reason of a condition is about.
	Problems Problems
}

// Problems are the details behind the reasons that do not come from the endpoint.
type Problems struct {
	// Secret says in a sentence whose the Secret is that stands in the way.
	Secret string
	// Finalizers hold the Secret although it is being deleted; none when it is not.
	Finalizers []string
	// Write says in a sentence why the Secret could not be written.
	Write string
	// Key is what is wrong with the key's Secret.
	Key KeyProblem
}

// Of is the status that describes the input.
func Of(in Input) v1alpha1.BillingSessionStatus {
	next := *in.Session.Status.DeepCopy()
	next.ObservedGeneration = in.Session.Generation
	next.LastHandledRenewRequest = in.Facts.HandledRequest
	next.LastAttempt = in.Facts.Last
	next.SecretName, next.SecretResourceVersion = "", in.IntactVersion
	if in.HasSecret {
		next.SecretName = in.SecretName
	}
	setGrant(&next, &in)
	conditionsFor(&in).set(&next, in.Facts.Now)
	return next
}

// setGrant shows the grant while it is alive. Once it has expired, only its times and what
// it was issued for stay.
func setGrant(next *v1alpha1.BillingSessionStatus, in *Input) {
	next.URL, next.RenewalTime = "", nil
	g := in.Grant
	if g == nil {
		return
	}
	next.IssueTime = timeOf(g.Issued)
	next.ExpirationTime = timeOf(g.Expire)
	next.IssuedFor = &v1alpha1.IssuedFor{Inputs: g.Inputs, ClockOffsetSeconds: int64(g.Offset / time.Second)}
	if in.Plan.Active == nil {
		return
	}
	if in.Session.Spec.URLInStatus != v1alpha1.URLInStatusHidden {
		next.URL = in.URL
	}
	if !in.Session.Spec.Suspend && in.Plan.UpToDate {
		next.RenewalTime = timeOf(renewalTime(next.LastAttempt, in.Plan))
	}
}

// renewalTime is when the URL that is alive is to be replaced: when it is due or, after a
// failure, when it is tried again.
func renewalTime(last *v1alpha1.Attempt, plan renewal.Plan) time.Time {
	if last != nil && last.NextTime != nil && last.NextTime.After(plan.Due) {
		return last.NextTime.Time
	}
	return plan.Due
}

// RenewRequest is the token that asks for a fresh URL, in a form that the status can hold: the
// SHA-256 digest stands for a long one.
func RenewRequest(session *v1alpha1.BillingSession) string {
	token := session.Annotations[v1alpha1.AnnotationRenewRequestedAt]
	if utf8.RuneCountInString(token) <= v1alpha1.MaxRenewRequestLength {
		return token
	}
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Truncate cuts a text to at most length characters. A text that is too long would make the
// API server refuse the whole status.
func Truncate(text string, length int) string {
	if utf8.RuneCountInString(text) <= length {
		return text
	}
	return string([]rune(text)[:length-1]) + "…"
}

func timeOf(t time.Time) *metav1.Time {
	at := metav1.NewTime(t.Truncate(time.Second))
	return &at
}
