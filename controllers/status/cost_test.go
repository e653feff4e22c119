package status_test

import (
	"testing"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/status"
)

// BenchmarkConditions is what it costs to say how a session stands whose renewal fails: two
// conditions, with what the endpoint said.
func BenchmarkConditions(b *testing.B) {
	held := grant(time.Minute)
	in := inputOf(renewal.Facts{
		Now: now, Key: renewal.KeyRead, Secret: renewal.SecretOurs, InSecret: held, InStatus: held,
		Issued: true, Observed: true, Last: failed(v1alpha1.OutcomeUnavailable),
	})
	b.ReportAllocs()
	for b.Loop() {
		if next := status.Of(in); len(next.Conditions) != 2 {
			b.Fatal(next.Conditions)
		}
	}
}
