//go:build long

package chaos

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/invariants"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	// restLasts is how much longer than a URL lives.
	restLasts = 5 * time.Second
	// recoveryPatience bounds the recovery: pauses of throttled keys take a minute or
	// two, and a busy machine its time.
	recoveryPatience = 5 * time.Minute

	wellConditions = "Ready=True Issued"

	// troubleRenewing is seen for a moment at each renewal: the Secret is written first.
	troubleRenewing = "Secret and status do not agree"
)

// becomesWell waits until all is well, and reports whether it came to that.
func (w *world) becomesWell() bool {
	w.T.Helper()
	deadline := time.Now().Add(recoveryPatience)
	for {
		troubles := w.troubles()
		if len(troubles) == 0 {
			return true
		}
		if time.Now().After(deadline) {
			for number, trouble := range troubles {
				w.violated(number, "not well %s after nothing went wrong any more: %s", recoveryPatience, trouble)
			}
			return false
		}
		pause(w.T.Context(), 500*time.Millisecond)
	}
}

// rest leaves all alone for the life of a URL. No Secret may hold an expired URL meanwhile, and no
// session may say that anything is wrong.
func (w *world) rest() {
	w.T.Helper()
	w.chronicle.note(nobody, "all has recovered")
	w.restBegan = time.Now()
	for time.Since(w.restBegan) < *chaosLife+restLasts {
		for number, trouble := range w.troubles() {
			if trouble != troubleRenewing {
				w.violated(number, "nothing was wrong any more, and then: %s", trouble)
			}
		}
		pause(w.T.Context(), 500*time.Millisecond)
	}
	w.becomesWell()
}

func (w *world) all() ([]v1alpha1.BillingSession, map[string]*corev1.Secret) {
	var sessions v1alpha1.BillingSessionList
	var secrets corev1.SecretList
	for _, list := range []client.ObjectList{&secrets, &sessions} {
		w.insist(nobody, "list", func(ctx context.Context) error { return w.Client.List(ctx, list, client.InNamespace(w.Namespace)) })
	}
	byName := map[string]*corev1.Secret{}
	for i := range secrets.Items {
		byName[secrets.Items[i].Name] = &secrets.Items[i]
	}
	return sessions.Items, byName
}

// troubles is what is not as it should be with each session.
func (w *world) troubles() map[int]string {
	troubles := map[int]string{}
	sessions, secrets := w.all()
	for i := range sessions {
		session := &sessions[i]
		if trouble := w.trouble(session, secrets[session.Name]); trouble != "" {
			troubles[numberOf(session.Name)] = trouble
		}
	}
	return troubles
}

// trouble is empty when the session is ready for what is declared today, and its Secret
// and its status hold what the endpoint granted for that.
func (w *world) trouble(session *v1alpha1.BillingSession, secret *corev1.Secret) string {
	status := session.Status
	if problems := invariants.Conditions(session); len(problems) > 0 {
		return strings.Join(problems, "; ")
	}
	switch {
	case status.ObservedGeneration != session.Generation:
		return fmt.Sprintf("generation %d was not observed, but %d", session.Generation, status.ObservedGeneration)
	case conditionsOf(session) != wellConditions:
		return conditionsOf(session) + " " + fmt.Sprint(status.LastAttempt)
	case status.LastHandledRenewRequest != session.Annotations[v1alpha1.AnnotationRenewRequestedAt]:
		return "the last request for a fresh URL was not handled"
	case secret == nil:
		return "there is no Secret"
	}
	url := string(secret.Data[v1alpha1.SecretKeyURL])
	grants := w.Standin.Grants(w.subjects[numberOf(session.Name)].key.value())
	i := slices.IndexFunc(grants, func(g standin.Grant) bool { return g.URL == url })
	switch {
	case i < 0:
		return "the URL in the Secret was not granted to today's key"
	case len(secret.Data) != 2, !expireOf(secret).Equal(grants[i].Expire.Truncate(time.Second)):
		return "the Secret holds something else than the URL and its expire"
	case grants[i].Purge != string(session.Spec.Purge), status.IssuedFor.ExpirationSeconds != session.Spec.ExpirationSeconds:
		return "the URL is for older inputs"
	case !time.Now().Before(expireOf(secret)):
		return "the URL in the Secret has expired"
	case status.URL != url, !status.ExpirationTime.Time.Equal(expireOf(secret)):
		return troubleRenewing
	case secret.Labels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy, secret.Labels[v1alpha1.LabelSession] != session.Name:
		return "the Secret's labels are not in order"
	}
	return ""
}

// expireOf is when the URL in a Secret expires; never, where that is not told.
func expireOf(secret *corev1.Secret) time.Time {
	seconds, err := strconv.ParseInt(string(secret.Data[v1alpha1.SecretKeyExpire]), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// conditionsOf is the conditions in a line.
func conditionsOf(session *v1alpha1.BillingSession) string {
	var said []string
	for _, c := range session.Status.Conditions {
		said = append(said, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	return strings.Join(said, ", ")
}
