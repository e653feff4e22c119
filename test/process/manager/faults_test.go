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

// faults are the ways in which the endpoint misbehaves that a user would notice,
// in the stand-in's words, with the reason that the user must be told.
var faults = []struct{ fault, reason, why string }{
	{"status=400", v1alpha1.ReasonRejected, "the endpoint does not like the request"},
	{"status=401", v1alpha1.ReasonRejected, "the key is wrong"},
	{"status=403", v1alpha1.ReasonRejected, "the key may not see billing"},
	{"status=404", v1alpha1.ReasonRejected, "there is no such group"},
	{"status=410", v1alpha1.ReasonRejected, "a 4xx that nothing else claims"},
	{"status=422", v1alpha1.ReasonRejected, "a value is refused"},
	{"body-status=401,Key revoked", v1alpha1.ReasonRejected, "errors may hide behind a 200"},
	{"body-status=403,denied + echo-key", v1alpha1.ReasonRejected, "a message may quote the key"},
	{"throttle=12s", v1alpha1.ReasonThrottled, "too many requests"},
	{"throttle=0s", v1alpha1.ReasonThrottled, "too many requests, without a word on for how long"},
	{"status=503 + header=Retry-After: 11", v1alpha1.ReasonThrottled, "overloaded, and says for how long"},
	{"status=429 + header=Retry-After: soon", v1alpha1.ReasonThrottled, "a Retry-After that is not a number"},
	{"body-status=429,Slow down", v1alpha1.ReasonThrottled, "throttling may hide behind a 200"},
	{"status=500", v1alpha1.ReasonUnavailable, "the endpoint failed"},
	{"status=502", v1alpha1.ReasonUnavailable, "a proxy found nobody"},
	{"status=503", v1alpha1.ReasonUnavailable, "down for maintenance"},
	{"status=504", v1alpha1.ReasonUnavailable, "a proxy lost env.Patience"},
	{"status=408", v1alpha1.ReasonUnavailable, "the server lost env.Patience"},
	{"status=407", v1alpha1.ReasonUnavailable, "a proxy wants a password"},
	{"body-status=500,oops", v1alpha1.ReasonUnavailable, "failures may hide behind a 200"},
	{"hang-up", v1alpha1.ReasonUnavailable, "the connection ends without an answer"},
	{"cut-off", v1alpha1.ReasonUnavailable, "the connection ends within the answer"},
	{"truncated", v1alpha1.ReasonUnavailable, "the document ends too early"},
	{"latency=5s", v1alpha1.ReasonUnavailable, "the answer is later than the deadline"},
	{"stall=5s", v1alpha1.ReasonUnavailable, "the answer begins and does not end"},
	{"redirect=https://elsewhere.example/", v1alpha1.ReasonMalformed, "a redirect would carry the key elsewhere"},
	{"html", v1alpha1.ReasonMalformed, "a captive portal or a maintenance page"},
	{"empty", v1alpha1.ReasonMalformed, "nothing at all"},
	{"doctype", v1alpha1.ReasonMalformed, "entities are an attack"},
	{"trailing", v1alpha1.ReasonMalformed, "two documents: which one counts?"},
	{"root=invoices_response", v1alpha1.ReasonMalformed, "another document"},
	{"namespace=urn:elsewhere", v1alpha1.ReasonMalformed, "a document of somebody else"},
	{"no-url", v1alpha1.ReasonMalformed, "success without a URL"},
	{"no-expire", v1alpha1.ReasonMalformed, "success without an end"},
	{"duplicate-url", v1alpha1.ReasonMalformed, "which one is it?"},
	{"url=//host/page", v1alpha1.ReasonMalformed, "a relative URL"},
	{"foreign-host=evil.example", v1alpha1.ReasonMalformed, "a URL of somebody else"},
	{"expire=soon", v1alpha1.ReasonMalformed, "not a number"},
	{"expire-past", v1alpha1.ReasonMalformed, "dead on arrival"},
	{"expire-relative", v1alpha1.ReasonMalformed, "seconds from now are not UNIX time"},
	{"expire-far", v1alpha1.ReasonMalformed, "longer than the endpoint can grant"},
	{"huge=1048576", v1alpha1.ReasonMalformed, "an answer without end"},
}

// harmless is what a client must take in its stride.
var harmless = []string{"gzip", "padded", "no-status", "no-date", "echo-url", "message=", "latency=200ms"}

// TestEveryFaultIsToldAndHealsWithoutLoss has all faults at once, each for a
// session without a URL and for one whose URL is alive, and then heals them all.
func TestEveryFaultIsToldAndHealsWithoutLoss(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	metrics := env.FreeAddress(t)
	manager := s.StartManager("--endpoint-timeout", "3s", "--endpoint-qps", "0", "--concurrency", "64",
		"--metrics-bind-address", metrics, "--metrics-secure=false")
	before := map[string]string{}
	for i := range faults {
		s.WithOwnKey(alive(i))
	}
	for i, row := range faults {
		before[alive(i)] = s.Ready(alive(i)).Status.URL
		s.misbehave(alive(i), row.fault)
		s.RequestRenewal(alive(i), "1")
		s.misbehave(never(i), row.fault)
		s.WithOwnKey(never(i))
	}
	for i, fault := range harmless {
		s.misbehave(tolerated(i), fault)
		s.WithOwnKey(tolerated(i))
	}
	for i, row := range faults {
		t.Run("told/"+row.fault, func(t *testing.T) {
			s.on(t).toldWithoutURL(never(i), row.reason)
			s.on(t).toldWithURL(alive(i), row.reason, before[alive(i)])
		})
	}
	for i, fault := range harmless {
		t.Run("taken in stride/"+fault, func(t *testing.T) { s.On(t).Ready(tolerated(i)) })
	}
	for i := range faults {
		s.heal(never(i))
		s.heal(alive(i))
	}
	for i, row := range faults {
		t.Run("healed/"+row.fault, func(t *testing.T) {
			s.On(t).Ready(never(i))
			s.on(t).renewed(alive(i), before[alive(i)])
		})
	}
	s.mustHoldNoSecrets(manager.Out.String(), "the log")
	s.mustHoldNoSecrets(s.scrape("http://"+metrics+"/metrics"), "the metrics")
	s.mustHoldNoSecrets(s.everythingPeopleSee(), "what people see")
}

func alive(i int) string     { return fmt.Sprintf("alive-%d", i) }
func never(i int) string     { return fmt.Sprintf("never-%d", i) }
func tolerated(i int) string { return fmt.Sprintf("harmless-%d", i) }

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

func (s *stage) misbehave(name, fault string) {
	s.T.Helper()
	parsed, err := standin.ParseFault(fault)
	s.Must(err)
	s.Misbehave(name, parsed)
}

// heal ends the fault. Only a rejection does not heal by itself soon: a person acts.
func (s *stage) heal(name string) {
	s.T.Helper()
	s.Misbehave(name)
	s.RequestRenewal(name, "2")
}

func (s *stage) scrape(url string) string {
	s.T.Helper()
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		s.T.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.T.Fatal(err)
	}
	return string(text)
}

// everythingPeopleSee is all sessions without status.url, and all events.
func (s *stage) everythingPeopleSee() string {
	s.T.Helper()
	var sessions v1alpha1.BillingSessionList
	var events eventsv1.EventList
	for _, list := range []client.ObjectList{&sessions, &events} {
		if err := s.Client.List(s.T.Context(), list, client.InNamespace(s.Namespace)); err != nil {
			s.T.Fatal(err)
		}
	}
	for i := range sessions.Items {
		sessions.Items[i].Status.URL = ""
	}
	text, err := json.Marshal([]any{sessions, events})
	if err != nil {
		s.T.Fatal(err)
	}
	return string(text)
}

func (s *stage) mustHoldNoSecrets(text, where string) {
	s.T.Helper()
	if len(text) < 1000 {
		s.T.Errorf("%s is hardly there: %q", where, text)
	}
	s.MustNotLeak(where, text)
}
