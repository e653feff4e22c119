//go:build long

package chaos

import (
	"encoding/json"
	"fmt"
	"strings"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// searchForLeaks looks through all logs, events, statuses and metadata of Secrets.
func (w *world) searchForLeaks() {
	w.t.Helper()
	for _, m := range w.fleet.all {
		w.mustNotSay(nobody, fmt.Sprintf("the log of manager %d", m.number), m.out.String())
	}
	var events eventsv1.EventList
	if err := w.client.List(w.t.Context(), &events, client.InNamespace(w.namespace)); err != nil {
		w.t.Error(err)
	}
	for i := range events.Items {
		w.mustNotShow(numberOf(events.Items[i].Regarding.Name), "an event", &events.Items[i])
	}
	sessions, secrets := w.all()
	for i := range sessions {
		shown := sessions[i].Status.DeepCopy()
		shown.URL = ""
		w.mustNotShow(numberOf(sessions[i].Name), "the status beside its URL", shown)
	}
	for name, secret := range secrets {
		w.mustNotShow(numberOf(name), "the metadata of a Secret", secret.ObjectMeta)
	}
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
