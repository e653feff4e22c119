package integration

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestSessionGetsItsURLAndRenewsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.giveKey(apiKey)
	w.run()
	w.session("acme")
	first := w.waitFor("acme", metav1.ConditionTrue, v1alpha1.ReasonIssued)
	secret := w.secret("acme")
	if got := string(secret.Data["url"]); got == "" || got != first.Status.URL {
		t.Errorf("the Secret and the status disagree on the URL")
	}
	t.Logf("%+v\n%+v", first.Status, secret.ObjectMeta)
	w.clock.Step(first.Status.RenewalTime.Sub(w.clock.Now()) + time.Second)
	w.eventually("renewal", func() string {
		if w.get("acme").Status.URL != first.Status.URL {
			return ""
		}
		return "still the first URL"
	})
	if got := w.standin.Requests(apiKey); got != 2 {
		t.Errorf("%d requests, want 2", got)
	}
}
