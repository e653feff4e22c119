package status_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/status"
	"github.com/xtracta/billing-operator/test/performance/growth"
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

// TestTwiceTheStatusIsTwiceTheWork: what a status is made from may be as long as others make it.
func TestTwiceTheStatusIsTwiceTheWork(t *testing.T) {
	for name, fill := range map[string]func(in *status.Input, n int){
		"a long message": func(in *status.Input, n int) { in.Facts.Last.Message = strings.Repeat("a word ", n) },
		"a long problem": func(in *status.Input, n int) {
			in.Facts.Secret, in.Problems.Secret = renewal.SecretForeign, strings.Repeat("a word ", n)
			in.Plan = renewal.Decide(in.Facts)
		},
		"conditions of others": func(in *status.Input, n int) {
			for i := range n {
				in.Session.Status.Conditions = append(in.Session.Status.Conditions, metav1.Condition{Type: fmt.Sprintf("Other%06d", i)})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			growth.AtMostDoubles(t, 1024, func(n int) func() {
				in := costInput()
				fill(&in, n)
				return func() { status.Of(in) }
			})
		})
	}
}
