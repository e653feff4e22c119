package integration

import (
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// TestSessionThatIsMadeAgainAndAgainAsksEveryTenSeconds deletes a session and its Secret each second
// and applies it again, as Flux does with `force: true` and a field that cannot be changed.
func TestSessionThatIsMadeAgainAndAgainAsksEveryTenSeconds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		differ func(i int) func(*v1alpha1.BillingSession)
		faults []standin.Fault
	}{
		{"with another spec each time", func(i int) func(*v1alpha1.BillingSession) { return builders.Expiration(int32(600 + i)) }, nil},
		{"with a renew token each time", func(i int) func(*v1alpha1.BillingSession) {
			return builders.Annotated(v1alpha1.AnnotationRenewRequestedAt, strconv.Itoa(i))
		}, nil},
		{"with another Secret each time", func(i int) func(*v1alpha1.BillingSession) {
			return builders.SecretName("secret-" + strconv.Itoa(i))
		}, nil},
		{"while it is rejected", func(int) func(*v1alpha1.BillingSession) { return builders.Expiration(86400) }, []standin.Fault{standin.Status(403)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.Standin.Misbehave(row.faults...)
			began := w.clock.Now()
			for i := range 30 {
				session := w.Session("acme", row.differ(i))
				w.rest()
				w.Delete(session)
				w.Must(w.Client.DeleteAllOf(t.Context(), &corev1.Secret{}, client.InNamespace(w.Namespace),
					client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}))
				w.clock.Step(time.Second)
				w.rest()
			}
			took := w.clock.Since(began)
			if asked, most := w.Standin.Total(), int(took/(10*time.Second))+1; asked > most || asked < 2 {
				t.Errorf("%d requests in %s, want 2 to %d", asked, took, most)
			}
		})
	}
}
