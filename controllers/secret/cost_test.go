package secret

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/test/performance/growth"
)

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
				s := written(t, owner())
				fill(s, n)
				return func() { inspect(owner(), s, anyHost) }
			})
		})
	}
}
