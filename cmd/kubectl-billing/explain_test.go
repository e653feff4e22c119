package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/fixtures"
)

// moment is when most situations of the fixtures begin.
var moment = time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC)

// situated is a session in a situation, looked at soon after it last changed.
type situated struct {
	situation string
	session   v1alpha1.BillingSession
	at        time.Time
}

func situations(t *testing.T) (all []situated, by map[string]v1alpha1.BillingSession) {
	t.Helper()
	by = map[string]v1alpha1.BillingSession{}
	for _, row := range fixtures.Situations(t) {
		s := situated{situation: row.Situation, at: moment}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(row.Session.Object, &s.session); err != nil {
			t.Fatal(err)
		}
		s.session.CreationTimestamp = metav1.NewTime(moment.Add(-10 * time.Second))
		for _, c := range s.session.Status.Conditions {
			if c.LastTransitionTime.After(s.at) {
				s.at = c.LastTransitionTime.Time
			}
		}
		s.at = s.at.Add(5 * time.Second)
		all, by[row.Situation] = append(all, s), s.session
	}
	return all, by
}

// more are situations that the fixtures do not have, as they differ for people only.
func more(t *testing.T) []situated {
	t.Helper()
	_, by := situations(t)
	const alive, failing, retrying, expired, rejected = "alive for today's inputs", "alive, renewal failing", "never issued, retrying", "expired, retrying", "rejected"
	var rows []situated
	add := func(situation, like string, after time.Duration, change func(s *v1alpha1.BillingSession)) {
		template := by[like]
		s := template.DeepCopy()
		change(s)
		rows = append(rows, situated{situation, *s, moment.Add(after)})
	}
	says := func(reason, message string) func(*v1alpha1.BillingSession) {
		return func(s *v1alpha1.BillingSession) {
			for i := range s.Status.Conditions {
				if c := &s.Status.Conditions[i]; c.Reason != v1alpha1.ReasonIssued {
					c.Reason, c.Message = reason, message
				}
			}
			if last := s.Status.LastAttempt; last != nil {
				last.Outcome, last.Message = v1alpha1.Outcome(reason), message
			}
		}
	}
	add("rejected, by something in between", rejected, 30*time.Second,
		says("Rejected", "HTTP 403 Forbidden came with a web page, so something in between has answered, such as a proxy or a firewall; check --endpoint-url and what is between"))
	add("rejected, because of an odd key", rejected, 30*time.Second,
		says("Rejected", "The endpoint answered status 401: Invalid API key. The API key is in quotes; Xtracta's keys have 40 hexadecimal digits"))
	add("rejected after a change, while the URL for the inputs before it works", "alive for older inputs, retrying", 65*time.Second, func(s *v1alpha1.BillingSession) {
		says("Rejected", "The endpoint answered status 422: Unknown purge mode")(s)
		s.Status.Conditions[1].Type = v1alpha1.ConditionStalled
	})
	add("the key is no key", "the key's Secret is missing", 30*time.Second,
		says("KeyInvalid", `Entry "api-key" of Secret "acme-xtracta" cannot be an API key: it is empty; put the key there as Xtracta gave it, or name another entry in spec.apiKeySecretRef.key`))
	add("throttled", retrying, 5*time.Second, says("Throttled", "The endpoint answered HTTP 429 Too Many Requests"))
	add("throttled, because of another session with the key", retrying, 5*time.Second, func(s *v1alpha1.BillingSession) {
		says("Throttled", "The endpoint asked everyone with this API key to wait")(s)
		s.Status.LastAttempt = nil
	})
	add("malformed", retrying, 5*time.Second, says("Malformed",
		"The url in the endpoint's answer is on billing.reseller.example, which is neither the endpoint's host nor among --allowed-url-hosts; add it there if it is Xtracta's or your reseller's"))
	add("the endpoint cannot be reached", retrying, 5*time.Second, says("Unavailable", "The name of the endpoint or its proxy does not exist (DNS)"))
	add("alive, renewal failing for long: the endpoint is down", failing, 8*time.Minute+30*time.Second, func(s *v1alpha1.BillingSession) {
		says("Unavailable", "The endpoint answered HTTP 503 Service Unavailable")(s)
		asked, next := metav1.NewTime(moment.Add(8*time.Minute)), metav1.NewTime(moment.Add(8*time.Minute+45*time.Second))
		s.Status.LastAttempt.Failures, s.Status.LastAttempt.Time, s.Status.LastAttempt.NextTime = 4, asked, &next
	})
	add("alive for days for older inputs, retrying", "alive for older inputs, retrying", 65*time.Second, func(s *v1alpha1.BillingSession) {
		later := metav1.NewTime(moment.Add(72 * time.Hour))
		s.Status.ExpirationTime = &later
	})
	add("alive, renewal failing: the endpoint is down", failing, 6*time.Minute+30*time.Second, says("Unavailable", "The connection to the endpoint was refused"))
	add("alive, renewal failing: the key is gone", failing, 6*time.Minute+30*time.Second, func(s *v1alpha1.BillingSession) {
		says("KeySecretMissing", `Secret "acme-xtracta" does not exist: create it with the API key in entry "api-key", or name another in spec.apiKeySecretRef`)(s)
		s.Status.LastAttempt = nil
	})
	add("alive, renewal failing: the Secret cannot be written", failing, 6*time.Minute+30*time.Second, func(s *v1alpha1.BillingSession) {
		says("SecretWriteFailed", `Secret "acme" could not be written. The API server forbids it: check the operator's permissions, the namespace's quota and its admission policies`)(s)
		s.Status.LastAttempt = nil
	})
	add("expired, and it waits for its turn", expired, 10*time.Minute+30*time.Second, func(s *v1alpha1.BillingSession) {
		says("Expired", "The URL has expired; the operator is asking for a new one. The session waits for its turn to ask the endpoint")(s)
		s.Status.LastAttempt = nil
	})
	add("alive, and a finalizer holds the Secret", alive, time.Minute, func(s *v1alpha1.BillingSession) {
		s.Status.Conditions[0].Message += `. Secret "acme" is being deleted, but a finalizer holds it (example.com/backup): once that is removed, the operator makes the Secret again`
	})
	add("alive, and somebody requested a fresh URL", alive, time.Minute, func(s *v1alpha1.BillingSession) {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, v1alpha1.AnnotationRenewRequestedAt, "2030-01-01T10:00:59Z")
	})
	add("alive, and the same URL was granted again", alive, 8*time.Minute+5*time.Second, func(s *v1alpha1.BillingSession) {
		next := metav1.NewTime(moment.Add(8*time.Minute + 30*time.Second))
		s.Status.LastAttempt = &v1alpha1.Attempt{Time: metav1.NewTime(moment.Add(8 * time.Minute)), Outcome: v1alpha1.OutcomeGranted, Failures: 1, NextTime: &next}
	})
	add("alive, and a request that somebody made failed", failing, time.Minute, func(s *v1alpha1.BillingSession) {
		says("Unavailable", "The connection to the endpoint was refused")(s)
		s.Annotations = map[string]string{v1alpha1.AnnotationRenewRequestedAt: "now"}
		asked, next := metav1.NewTime(moment.Add(50*time.Second)), metav1.NewTime(moment.Add(65*time.Second))
		s.Status.LastAttempt.Time, s.Status.LastAttempt.NextTime, s.Status.Conditions[1].LastTransitionTime = asked, &next, asked
	})
	add("the key is gone after it was rejected", "the key's Secret is missing", time.Hour, func(s *v1alpha1.BillingSession) {
		s.Status.LastAttempt = by[rejected].Status.LastAttempt
	})
	add("alive, and renewal is due", alive, 6*time.Minute+5*time.Second, func(*v1alpha1.BillingSession) {})
	add("alive, and the operator does not run", alive, 8*time.Minute, func(*v1alpha1.BillingSession) {})
	add("expired, and the operator does not run", alive, 12*time.Minute, func(*v1alpha1.BillingSession) {})
	add("expired after renewal had failed, and the operator does not run", failing, 12*time.Minute, func(*v1alpha1.BillingSession) {})
	add("nobody has looked at it for an hour", "nothing tried yet", time.Hour, func(*v1alpha1.BillingSession) {})
	return rows
}

// TestExplanations holds every word of what people are told. Whoever changes one reads the file
// as somebody who has nothing else: is it clear what is wrong, and what they have to do?
func TestExplanations(t *testing.T) {
	all, _ := situations(t)
	var text strings.Builder
	for _, row := range append(all, more(t)...) {
		fmt.Fprintf(&text, "=== %s\n\n%s\n", row.situation, explanationOf(&row.session, row.at))
	}
	holdsGolden(t, "explain.txt", text.String())
}

// A reason without advice would leave people alone.
func TestEachReasonHasAdvice(t *testing.T) {
	source, err := os.ReadFile("../../api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, reason := range regexp.MustCompile(`\bReason\w+ = "(\w+)"`).FindAllSubmatch(source, -1) {
		name := string(reason[1])
		if says := advices[name].toDo; (says == "") != (name == v1alpha1.ReasonIssued || name == v1alpha1.ReasonRecovered) {
			t.Errorf("the advice for %s is %q", name, says)
		}
	}
}
