package status_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/status"
)

// costInput is a session whose renewal fails: two conditions, with what the endpoint said.
func costInput() status.Input {
	held := grant(time.Minute)
	f := renewal.Facts{
		Now: now, Key: renewal.KeyRead, Secret: renewal.SecretOurs, InSecret: held, InStatus: held,
		Issued: true, Observed: true, Last: failed(v1alpha1.OutcomeUnavailable),
	}
	session := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Namespace: "finance", Name: "acme", Generation: 3}}
	return status.Input{
		Session: session, Facts: f, Plan: renewal.Decide(f), Grant: held, URL: "https://www.xtracta.com/billing",
		SecretName: "acme", HasSecret: true,
	}
}

// BenchmarkConditions is what it costs to say how a session stands.
func BenchmarkConditions(b *testing.B) {
	in := costInput()
	b.ReportAllocs()
	for b.Loop() {
		if next := status.Of(in); len(next.Conditions) != 2 {
			b.Fatal(next.Conditions)
		}
	}
}
