package api_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

func TestDefaults(t *testing.T) {
	created := create(t, session(t, "acme", ``))
	got := read(t, created)

	want := v1alpha1.BillingSessionSpec{
		APIKeySecretRef:   v1alpha1.SecretKeyReference{Name: "acme-key"},
		ExpirationSeconds: 600,
		URLInStatus:       v1alpha1.URLInStatusFull,
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
	// A generation that is never right keeps kstatus from taking a session that
	// nobody has looked at for a healthy one.
	if diff := cmp.Diff(v1alpha1.BillingSessionStatus{ObservedGeneration: -1}, got.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestStatusIsASubresource(t *testing.T) {
	forged := session(t, "acme", ``)
	forged.Object["status"] = map[string]any{"observedGeneration": int64(1), "url": "https://xtracta.com/forged"}
	s := read(t, create(t, forged))

	t.Run("whoever creates a session cannot say how it is", func(t *testing.T) {
		if diff := cmp.Diff(v1alpha1.BillingSessionStatus{ObservedGeneration: -1}, s.Status); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
	})

	t.Run("the controller says how it is, and nothing else", func(t *testing.T) {
		before := s.Generation
		s.Status = fullStatus()
		s.Spec.Suspend = true
		if err := env.Kube(t).Status().Update(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		s = read(t, s)
		if diff := cmp.Diff(fullStatus(), s.Status); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if s.Spec.Suspend || s.Generation != before {
			t.Error("the write of the status changed the spec or the generation")
		}
	})
}

// fullStatus holds a value in each field: the schema must drop none of them.
func fullStatus() v1alpha1.BillingSessionStatus {
	at := func(minute int) metav1.Time {
		return metav1.NewTime(time.Date(2031, 5, 6, 7, minute, 0, 0, time.UTC).Local())
	}
	issue, renewal, expiration := at(0), at(6), at(10)
	inputs := v1alpha1.Inputs{
		KeySecretUID:             "0b5f2a6e",
		KeySecretResourceVersion: "42",
		KeySecretKey:             "api-key",
		Purge:                    v1alpha1.PurgeProcess,
		ExpirationSeconds:        600,
		Endpoint:                 "https://api-app.xtracta.com/v1/billings/billing_ui",
	}
	return v1alpha1.BillingSessionStatus{
		ObservedGeneration:      2,
		URL:                     "https://billing.xtracta.com/granted",
		IssueTime:               &issue,
		ExpirationTime:          &expiration,
		RenewalTime:             &renewal,
		SecretName:              "acme",
		LastHandledRenewRequest: "now",
		LastAttempt: &v1alpha1.Attempt{
			Time: issue, Inputs: inputs, RenewRequest: "now", Outcome: v1alpha1.OutcomeThrottled,
			Message: "429 Too Many Requests", Failures: 3, NextTime: &renewal,
		},
		IssuedFor: &v1alpha1.IssuedFor{Inputs: inputs, ClockOffsetSeconds: -3},
		Conditions: []metav1.Condition{{
			Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssued,
			Message: "The URL works.", LastTransitionTime: issue, ObservedGeneration: 2,
		}},
	}
}

func read(t *testing.T, named client.Object) *v1alpha1.BillingSession {
	t.Helper()
	var s v1alpha1.BillingSession
	if err := env.Kube(t).Get(t.Context(), client.ObjectKeyFromObject(named), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}
