//go:build long

package chaos

import (
	"encoding/json"
	"fmt"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// searchForLeaks looks through all logs, events, statuses and metadata of Secrets.
func (w *world) searchForLeaks() {
	w.T.Helper()
	for _, m := range w.fleet.all {
		w.MustNotLeak(fmt.Sprintf("the log of manager %d", m.number), m.Out.String())
	}
	var events eventsv1.EventList
	if err := w.Client.List(w.T.Context(), &events, client.InNamespace(w.Namespace)); err != nil {
		w.T.Error(err)
	}
	for i := range events.Items {
		w.mustNotShow("an event of "+events.Items[i].Regarding.Name, &events.Items[i])
	}
	sessions, secrets := w.all()
	for i := range sessions {
		shown := sessions[i].Status.DeepCopy()
		shown.URL = ""
		w.mustNotShow("beside its URL, the status of "+sessions[i].Name, shown)
	}
	for name, secret := range secrets {
		w.mustNotShow("the metadata of Secret "+name, secret.ObjectMeta)
	}
}

func (w *world) mustNotShow(what string, object any) {
	w.T.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		w.T.Error(err)
	}
	w.MustNotLeak(what, string(text))
}
