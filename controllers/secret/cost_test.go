package secret

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/performance/growth"
)

func costSession() *v1alpha1.BillingSession {
	return &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Namespace: "finance", Name: "acme", UID: "3f1c9d7e"}}
}

func composedForCost(t testing.TB) *corev1.Secret {
	t.Helper()
	issued := time.Unix(1_800_000_000, 0)
	composed, err := Compose(costSession(), nil, &Grant{
		Grant: renewal.Grant{Issued: issued, Expire: issued.Add(10 * time.Minute), Fingerprint: strings.Repeat("0", 64)},
		URL:   endpoint.NewURL("https://www.xtracta.com/billing/index.html?token=0123456789abcdef0123456789abcdef"),
	})
	must(t, err)
	return composed
}

// BenchmarkDigest is what it costs to see whether somebody edited a Secret.
func BenchmarkDigest(b *testing.B) {
	composed := composedForCost(b)
	b.ReportAllocs()
	for b.Loop() {
		if !IsIntact(composed) {
			b.Fatal("it was edited")
		}
	}
}

// BenchmarkInspect is what it costs to read a grant back, the digest included.
func BenchmarkInspect(b *testing.B) {
	composed, session := composedForCost(b), costSession()
	accept := func(string) error { return nil }
	b.ReportAllocs()
	for b.Loop() {
		if state, _ := Inspect(session, composed, accept); state != renewal.SecretOurs {
			b.Fatal(state)
		}
	}
}

// TestTwiceTheSecretIsTwiceTheWork: anybody who may write Secrets can make ours as large as the
// API server takes.
func TestTwiceTheSecretIsTwiceTheWork(t *testing.T) {
	for name, fill := range map[string]func(s *corev1.Secret, n int){
		"a long entry": func(s *corev1.Secret, n int) { s.Data["url"] = []byte(strings.Repeat("a", 16*n)) },
		"many entries": func(s *corev1.Secret, n int) {
			for i := range n {
				s.Data[fmt.Sprintf("entry-%06d", i)] = []byte("a")
			}
		},
		"a long annotation": func(s *corev1.Secret, n int) { s.Annotations[annotationIssuedFor] = strings.Repeat("{", 16*n) },
		"many annotations": func(s *corev1.Secret, n int) {
			for i := range n {
				s.Annotations[fmt.Sprintf("example.com/%06d", i)] = "a"
			}
		},
		"many owners": func(s *corev1.Secret, n int) {
			s.OwnerReferences = append(s.OwnerReferences, make([]metav1.OwnerReference, n)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			growth.AtMostDoubles(t, 4096, func(n int) func() {
				s := composedForCost(t)
				fill(s, n)
				return func() { Inspect(costSession(), s, func(string) error { return nil }) }
			})
		})
	}
}
