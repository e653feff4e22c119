package main

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// What is printed after a renewal comes from the status, which the operator writes last.
func TestARenewalIsOverWhenTheStatusTellsOfIt(t *testing.T) {
	at := func(url string, expires int64) state {
		var session v1alpha1.BillingSession
		session.Status.ExpirationTime = &metav1.Time{Time: time.Unix(expires, 0)}
		session.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonIssued}}
		return state{session, corev1.Secret{Data: map[string][]byte{v1alpha1.SecretKeyURL: []byte(url)}}}
	}
	for _, row := range []struct {
		why  string
		now  state
		over bool
	}{
		{"nothing has been written", at("old", 60), false},
		{"only the Secret has been written", at("new", 60), false},
		{"both have been written", at("new", 100), true},
	} {
		if err := checkReplaced(at("old", 60))(row.now); (err == "") != row.over {
			t.Errorf("%s: %q", row.why, err)
		}
	}
}
