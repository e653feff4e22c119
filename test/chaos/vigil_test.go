//go:build long

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/invariants"
)

// keepVigil looks at each version of each session, straight from the API server. It is to be
// ended before the test is.
func (w *world) keepVigil() (end func()) {
	w.t.Helper()
	watched, err := cache.New(w.cluster.Config(), cache.Options{
		Scheme: env.Scheme(), DefaultNamespaces: map[string]cache.Config{w.namespace: {}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	informer, err := watched.GetInformer(w.t.Context(), &v1alpha1.BillingSession{}, cache.BlockUntilSynced(false))
	if err != nil {
		w.t.Fatal(err)
	}
	handlers := toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { w.see(object.(*v1alpha1.BillingSession)) },
		UpdateFunc: func(_, object any) { w.see(object.(*v1alpha1.BillingSession)) },
	}
	if _, err := informer.AddEventHandler(handlers); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = watched.Start(ctx)
	}()
	if !watched.WaitForCacheSync(ctx) {
		w.t.Fatal("the vigil cannot begin")
	}
	return func() { cancel(); <-over }
}

// see holds what a status promises by itself.
func (w *world) see(session *v1alpha1.BillingSession) {
	number := numberOf(session.Name)
	shown := session.Status.DeepCopy()
	shown.URL = ""
	w.mustNotShow(number, "the status beside its URL", shown)
	if shown.ObservedGeneration < 0 {
		return
	}
	said := conditionsOf(session)
	w.chronicle.note(number, "status: %s", said)
	for _, problem := range invariants.Conditions(session) {
		w.violated(number, "the status at version %s: %s; %s", session.ResourceVersion, problem, said)
	}
	if w.resting.Load() && said != wellConditions {
		w.violated(number, "nothing was wrong any more, and it says %s", said)
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

// searchForLeaks looks through all logs, all events and the metadata of all Secrets.
func (w *world) searchForLeaks() {
	w.t.Helper()
	for _, p := range w.fleet.all {
		w.mustNotSay(nobody, fmt.Sprintf("the log of manager %d", p.number), p.said())
	}
	var events eventsv1.EventList
	var secrets corev1.SecretList
	for _, list := range []client.ObjectList{&events, &secrets} {
		if err := w.client.List(w.t.Context(), list, client.InNamespace(w.namespace)); err != nil {
			w.t.Error(err)
		}
	}
	for i := range events.Items {
		w.chronicle.count("event: " + events.Items[i].Reason)
		w.mustNotShow(numberOf(events.Items[i].Regarding.Name), "an event", &events.Items[i])
	}
	for i := range secrets.Items {
		w.mustNotShow(numberOf(secrets.Items[i].Name), "the metadata of a Secret", secrets.Items[i].ObjectMeta)
	}
}
