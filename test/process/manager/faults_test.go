package manager

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

// faults have one or two of each outcome that a user would notice; all of them are in the tests of
// the endpoint's package.
var faults = []struct {
	name   string
	faults []standin.Fault
	reason string // that the user must be told
}{
	{"a refusal behind a 200 that quotes the key", []standin.Fault{standin.BodyStatus(403, "denied"), standin.EchoKey()}, v1alpha1.ReasonRejected},
	{"too many requests", []standin.Fault{standin.Throttle(12 * time.Second)}, v1alpha1.ReasonThrottled},
	{"an answer after the deadline", []standin.Fault{standin.Latency(time.Minute)}, v1alpha1.ReasonUnavailable},
	{"an answer that is cut off", []standin.Fault{standin.CutOff()}, v1alpha1.ReasonUnavailable},
	{"a redirect, which would carry the key elsewhere", []standin.Fault{standin.Redirect("https://elsewhere.example/")}, v1alpha1.ReasonMalformed},
	{"a URL of somebody else", []standin.Fault{standin.ForeignHost("evil.example")}, v1alpha1.ReasonMalformed},
}

// TestEveryFaultIsToldAndHealsWithoutLoss has all faults at once, each for a
// session without a URL and for one whose URL is alive, and then heals them all.
func TestEveryFaultIsToldAndHealsWithoutLoss(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	metrics := env.FreeAddress(t)
	manager := s.StartManager("--endpoint-timeout", "3s", "--metrics-bind-address", metrics, "--metrics-secure=false")
	before := map[string]string{}
	for i := range faults {
		s.WithOwnKey(alive(i))
	}
	for i, row := range faults {
		before[alive(i)] = s.Ready(alive(i)).Status.URL
		s.Misbehave(alive(i), row.faults...)
		s.RequestRenewal(alive(i), "1")
		s.Misbehave(never(i), row.faults...)
		s.WithOwnKey(never(i))
	}
	for i, row := range faults {
		t.Run("told/"+row.name, func(t *testing.T) {
			s.on(t).toldWithoutURL(never(i), row.reason)
			s.on(t).toldWithURL(alive(i), row.reason, before[alive(i)])
		})
	}
	s.Misbehave("quotes", standin.EchoURL())
	s.WithOwnKey("quotes")
	s.Ready("quotes")
	for i := range faults {
		s.heal(never(i))
		s.heal(alive(i))
	}
	for i, row := range faults {
		t.Run("healed/"+row.name, func(t *testing.T) {
			s.On(t).Ready(never(i))
			s.on(t).renewed(alive(i), before[alive(i)])
		})
	}
	s.mustHoldNoSecrets(manager.Out.String(), "the log")
	s.mustHoldNoSecrets(s.scrape("http://"+metrics+"/metrics"), "the metrics")
	s.mustHoldNoSecrets(s.everythingPeopleSee(), "what people see")
}

func alive(i int) string { return fmt.Sprintf("alive-%d", i) }
func never(i int) string { return fmt.Sprintf("never-%d", i) }

// on is the stage for a subtest.
func (s *stage) on(t *testing.T) *stage { return &stage{s.On(t)} }

func (s *stage) toldWithoutURL(name, reason string) {
	s.T.Helper()
	s.Reaches(name, v1alpha1.ConditionReady, reason)
	waiting := v1alpha1.ConditionReconciling
	if reason == v1alpha1.ReasonRejected {
		waiting = v1alpha1.ConditionStalled
	}
	s.Reaches(name, waiting, reason)
}

func (s *stage) toldWithURL(name, reason, url string) {
	s.T.Helper()
	session := s.Reaches(name, v1alpha1.ConditionRenewalFailing, reason)
	if !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady) || session.Status.URL != url {
		s.T.Errorf("the URL that is alive was not kept: %+v", session.Status.Conditions)
	}
}

func (s *stage) renewed(name, old string) {
	s.T.Helper()
	s.Eventually("renewal after the fault", func() string {
		session := s.Get(name)
		failing := meta.FindStatusCondition(session.Status.Conditions, v1alpha1.ConditionRenewalFailing)
		return env.Unless(failing == nil && session.Status.URL != old, fmt.Sprintf("%+v", session.Status.Conditions))
	})
}

// heal ends the fault. Only a rejection does not heal by itself soon: a person acts.
func (s *stage) heal(name string) {
	s.T.Helper()
	s.Misbehave(name)
	s.RequestRenewal(name, "2")
}

func (s *stage) scrape(url string) string {
	s.T.Helper()
	response, err := http.Get(url)
	s.Must(err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	s.Must(err)
	return string(text)
}

// everythingPeopleSee is all sessions without status.url, and all events.
func (s *stage) everythingPeopleSee() string {
	s.T.Helper()
	var sessions v1alpha1.BillingSessionList
	var events eventsv1.EventList
	for _, list := range []client.ObjectList{&sessions, &events} {
		s.Must(s.Client.List(s.T.Context(), list, client.InNamespace(s.Namespace)))
	}
	for i := range sessions.Items {
		sessions.Items[i].Status.URL = ""
	}
	text, err := json.Marshal([]any{sessions, events})
	s.Must(err)
	return string(text)
}

func (s *stage) mustHoldNoSecrets(text, where string) {
	s.T.Helper()
	if len(text) < 1000 {
		s.T.Errorf("%s is hardly there: %q", where, text)
	}
	s.MustNotLeak(where, text)
}
