//go:build long

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/invariants"
)

// keepVigil looks at all sessions and Secrets twice a second, straight at the API server. It is
// to be ended before the test is.
func (w *world) keepVigil() (end func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		for ; ctx.Err() == nil; pause(ctx, 500*time.Millisecond) {
			isResting := w.resting.Load()
			sessions, secrets := w.all()
			for i := range sessions {
				w.see(&sessions[i], secrets[sessions[i].Name], isResting)
			}
		}
	}()
	return func() { cancel(); <-over }
}

// see holds what a session and its Secret promise by themselves. Once nothing goes wrong any
// more, no Secret may hold an expired URL, and no session may say that anything is wrong.
func (w *world) see(session *v1alpha1.BillingSession, secret *corev1.Secret, isResting bool) {
	number := numberOf(session.Name)
	shown := session.Status.DeepCopy()
	shown.URL = ""
	w.mustNotShow(number, "the status beside its URL", shown)
	if secret != nil {
		w.mustNotShow(number, "the metadata of the Secret", secret.ObjectMeta)
	}
	if shown.ObservedGeneration >= 0 {
		for _, problem := range invariants.Conditions(session) {
			w.violated(number, "the status at version %s: %s; %s", session.ResourceVersion, problem, conditionsOf(session))
		}
	}
	switch {
	case !isResting:
	case conditionsOf(session) != wellConditions:
		w.violated(number, "nothing was wrong any more, and it says %s", conditionsOf(session))
	case secret == nil || time.Now().After(expireOf(secret)):
		w.violated(number, "nothing was wrong any more, and the Secret holds no URL that is alive")
	}
}

// conditionsOf is the conditions in a line.
func conditionsOf(session *v1alpha1.BillingSession) string {
	var said []string
	for _, c := range session.Status.Conditions {
		said = append(said, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	return strings.Join(said, ", ")
}

// mustNotShow holds that an object shows no key and no granted URL.
func (w *world) mustNotShow(session int, what string, object any) {
	w.t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		w.t.Error(err)
	}
	w.mustNotSay(session, what, string(text))
}

func (w *world) mustNotSay(session int, what, text string) {
	w.t.Helper()
	for _, mark := range []string{keyMark, urlMark} {
		if i := strings.Index(text, mark); i >= 0 {
			w.violated(session, "%s shows what begins with %q (%d times): …%s…", what, mark, strings.Count(text, mark),
				text[max(0, i-300):min(len(text), i+60)])
		}
	}
}

// searchForLeaks looks through all logs and all events.
func (w *world) searchForLeaks() {
	w.t.Helper()
	for _, p := range w.fleet.all {
		w.mustNotSay(nobody, fmt.Sprintf("the log of manager %d", p.number), p.said())
	}
	var events eventsv1.EventList
	if err := w.client.List(w.t.Context(), &events, client.InNamespace(w.namespace)); err != nil {
		w.t.Error(err)
	}
	for i := range events.Items {
		w.chronicle.count("event: " + events.Items[i].Reason)
		w.mustNotShow(numberOf(events.Items[i].Regarding.Name), "an event", &events.Items[i])
	}
}
