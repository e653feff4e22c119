package integration

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/invariants"
)

// vigil looks at each version of each session of a world.
type vigil struct {
	mu    sync.Mutex
	seen  map[string]string // resource versions by name
	shown []string          // all that is not meant to hold a secret
	ready map[string]bool   // names of the sessions that are to stay ready
}

// keepVigil holds, on each write of a status, that its conditions are valid
// together, and at the end that no key and no URL is where it does not belong.
func (w *world) keepVigil() {
	w.T.Helper()
	w.vigil = &vigil{seen: map[string]string{}, ready: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	sessions, err := w.Client.Watch(ctx, &v1alpha1.BillingSessionList{}, client.InNamespace(w.Namespace))
	if err != nil {
		w.T.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for event := range sessions.ResultChan() {
			if session, ok := event.Object.(*v1alpha1.BillingSession); ok {
				w.look(session)
			}
		}
	}()
	w.T.Cleanup(func() {
		if w.controller != nil {
			w.controller.stop()
		}
		w.seeAll()
		cancel()
		sessions.Stop()
		<-over
		w.searchForSecrets()
	})
}

func (w *world) look(session *v1alpha1.BillingSession) {
	if session.Status.ObservedGeneration >= 0 {
		for _, problem := range invariants.Conditions(session) {
			w.T.Errorf("session %s at %s: %s\n%+v", session.Name, session.ResourceVersion, problem, session.Status.Conditions)
		}
	}
	status := session.Status.DeepCopy()
	status.URL = ""
	text, _ := json.Marshal(status)
	w.vigil.mu.Lock()
	defer w.vigil.mu.Unlock()
	if w.vigil.ready[session.Name] && session.Status.ObservedGeneration >= 0 && !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) {
		w.T.Errorf("session %s is not ready any more at %s: %s", session.Name, session.ResourceVersion, text)
	}
	w.vigil.seen[session.Name] = session.ResourceVersion
	w.vigil.shown = append(w.vigil.shown, string(text))
}

// staysReady holds that the session is ready in each status from now on, if it is in any.
func (w *world) staysReady(name string) {
	w.vigil.mu.Lock()
	defer w.vigil.mu.Unlock()
	w.vigil.ready[name] = true
}

// seeAll waits until the watch has seen what there is.
func (w *world) seeAll() {
	var sessions v1alpha1.BillingSessionList
	if err := w.Client.List(context.Background(), &sessions, client.InNamespace(w.Namespace)); err != nil {
		w.T.Error(err)
	}
	for i := range sessions.Items {
		session := &sessions.Items[i]
		env.Until(w.T, "the watch sees session "+session.Name, func() bool {
			w.vigil.mu.Lock()
			defer w.vigil.mu.Unlock()
			return w.vigil.seen[session.Name] == session.ResourceVersion
		})
	}
}

// searchForSecrets holds that nothing shows a key or a granted URL but what is made for it.
func (w *world) searchForSecrets() {
	shown := map[string]string{"a status": strings.Join(w.vigil.shown, "\n"), "a log": testLogs.text()}
	if events, err := json.Marshal(w.events()); err == nil {
		shown["an event"] = string(events)
	}
	if w.controller != nil {
		shown["a metric"] = w.controller.metrics()
	}
	var secrets corev1.SecretList
	if err := w.Client.List(context.Background(), &secrets, client.InNamespace(w.Namespace)); err != nil {
		w.T.Error(err)
	}
	for i := range secrets.Items {
		text, _ := json.Marshal(secrets.Items[i].ObjectMeta)
		shown["a Secret's metadata"] += string(text)
	}
	var tokens []string
	for _, grant := range w.Standin.Grants(w.Key) {
		if u, err := url.Parse(grant.URL); err == nil {
			tokens = append(tokens, u.Query().Get("t"))
		}
	}
	for where, text := range shown {
		w.MustNotLeak(where, text)
		for _, token := range tokens {
			if at := strings.Index(text, token); at >= 0 {
				w.T.Errorf("%s shows what is secret in a URL: …%s", where, text[max(0, strings.LastIndexByte(text[:at], '\n')):at])
				break
			}
		}
	}
}

func (c *runningController) metrics() string {
	families, err := c.registry.Gather()
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, family := range families {
		_, _ = expfmt.MetricFamilyToText(&text, family)
	}
	return text.String()
}

// events are those of the world's namespace.
func (w *world) events() []eventsv1.Event {
	var events eventsv1.EventList
	if err := w.Client.List(context.Background(), &events, client.InNamespace(w.Namespace)); err != nil {
		w.T.Error(err)
	}
	return events.Items
}

// told counts the events of a session by reason.
func (w *world) told(name string) map[string]int {
	reasons := map[string]int{}
	for _, event := range w.events() {
		if event.Regarding.Name == name {
			reasons[event.Reason]++
			if event.Series != nil {
				reasons[event.Reason] += max(1, int(event.Series.Count)) - 1
			}
		}
	}
	return reasons
}

// waitForEvents waits until the session's events are those, by reason.
func (w *world) waitForEvents(name string, want map[string]int) {
	w.T.Helper()
	w.Eventually("events of session "+name, func() string {
		return cmp.Diff(want, w.told(name))
	})
}

// until is how long it is from now to an instant.
func (w *world) until(t time.Time) time.Duration { return t.Sub(w.clock.Now()) }
