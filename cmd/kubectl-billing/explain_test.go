package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

func TestEveryRuleHasItsMessages(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(slices.Values(renewal.Rules())), slices.Sorted(maps.Keys(ruleMessages))); diff != "" {
		t.Errorf("rules and words differ:\n%s", diff)
	}
	for name, words := range ruleMessages {
		if words.holds == "" || words.passed == "" && name != renewal.RuleAsk && name != renewal.RuleNothingToDo {
			t.Errorf("rule %s lacks words", name)
		}
	}
}

// explained returns the explanation of the controller's decision about facts.
func explained(t *testing.T, s *v1alpha1.BillingSession, facts renewal.Facts) string {
	t.Helper()
	facts.Now = noon
	e := &explanation{cluster: &cluster{}, Preview: &controllers.Preview{
		Session: s, Status: s.Status, SecretName: s.Name, Facts: facts, Plan: renewal.Decide(facts),
	}}
	var out strings.Builder
	if err := e.write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAnExplanationIsExactToTheSecond(t *testing.T) {
	held := &renewal.Grant{Issued: noon.Add(-2 * time.Minute), Expire: noon.Add(8*time.Minute + 30*time.Second), Offset: 30 * time.Second}
	got := explained(t, session("acme", issued(8*time.Minute, 0)),
		renewal.Facts{UID: "1", Key: renewal.KeyRead, Secret: renewal.SecretOurs, InSecret: held})
	due := renewal.Due(held, "1", 0)
	want := strings.NewReplacer("{expires}", formatTime(noon.Add(8*time.Minute)), "{due}", formatTime(due), "{wait}", formatDuration(due.Sub(noon))).Replace(`
Session acme in namespace finance

Now:    Ready. The URL works for 8 minutes more, until {expires}.
Next:   The controller asks for the next URL in {wait}, at {due}.
Why:    The URL works, was issued for the current inputs, and is not due for renewal.
You:    Nothing needs to be done.

The controller's rules, in order. The first one that holds decides:
  no    SecretIsForeign          No other Secret or session has taken the name of its Secret.
  no    SecretAwaitsCollection   No Secret of a deleted session of the same name is left.
  no    KeyMayHaveChanged        The API key has not changed since it was read.
  no    GrantIsUnsaved           No granted URL waits to be written, as far as this program can see.
  no    SecretIsGoneOrEdited     The Secret need not be restored.
  no    SecretHasDrifted         The labels, annotations and owner of the Secret are as they should be.
  no    Suspended                The session is not suspended.
  no    SecretCannotBeWritten    Nothing indicates that the Secret cannot be written.
  yes   NothingToDo              The URL works, was issued for the current inputs, and is not due for renewal.
`[1:])
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWhatComesNext(t *testing.T) {
	held := &renewal.Grant{Issued: noon.Add(-2 * time.Minute), Expire: noon.Add(8 * time.Minute)}
	overdue := &renewal.Grant{Issued: noon.Add(-9 * time.Minute), Expire: noon.Add(time.Minute)}
	attempt := func(o v1alpha1.Outcome, next time.Duration) *v1alpha1.Attempt {
		return &v1alpha1.Attempt{Time: metav1.NewTime(noon.Add(-time.Minute)), Outcome: o, NextTime: in(next), Failures: 1}
	}
	for _, row := range []struct {
		why   string
		facts renewal.Facts
		lines []string
	}{
		{"a URL is missing", renewal.Facts{Key: renewal.KeyRead},
			[]string{"asks the endpoint for a URL as soon as it is the session's turn", "Nothing prevents a request. The controller wants a URL because none works."}},
		{"the key is not known", renewal.Facts{}, []string{"reads the API key now"}},
		{"the key's Secret changed", renewal.Facts{InSecret: held, Secret: renewal.SecretOurs, Inputs: v1alpha1.Inputs{KeySecretResourceVersion: "2"}},
			[]string{"reads the API key now"}},
		{"the Secret is gone", renewal.Facts{Key: renewal.KeyRead, InStatus: held}, []string{"writes the URL from the status into Secret"}},
		{"labels are astray", renewal.Facts{Key: renewal.KeyRead, InSecret: held, Secret: renewal.SecretDrifted}, []string{"brings the labels, annotations and owner"}},
		{"writes fail", renewal.Facts{Key: renewal.KeyRead, Write: renewal.WriteState{Failed: true, RetryAt: noon.Add(time.Minute)}},
			[]string{"tries to write Secret \"acme\" again within ten minutes"}},
		{"writes may work again", renewal.Facts{Key: renewal.KeyRead, Write: renewal.WriteState{Failed: true}}, []string{"tests now, by a dry run"}},
		{"a collection is awaited", renewal.Facts{Key: renewal.KeyRead, Secret: renewal.SecretOfPredecessor}, []string{"once Secret \"acme\" has been collected"}},
		{"just asked", renewal.Facts{Key: renewal.KeyRead, Asked: noon}, []string{"asks again in 10 seconds, at " + formatTime(noon.Add(10*time.Second))}},
		{"a long pause is not said to be ten minutes", renewal.Facts{Key: renewal.KeyRead, Last: attempt(v1alpha1.OutcomeThrottled, 40*time.Minute)},
			[]string{"asks again in 40 minutes", "told all sessions with this API key to wait"}},
		{"a failure", renewal.Facts{Key: renewal.KeyRead, Last: attempt(v1alpha1.OutcomeUnavailable, 20*time.Second)},
			[]string{"asks again in 20 seconds", "the wait before the next one is not over"}},
		{"a rejection", renewal.Facts{Key: renewal.KeyRead, Last: attempt(v1alpha1.OutcomeRejected, 20*time.Second)},
			[]string{"Correct the API key", "kubectl billing renew acme --wait"}},
		{"the key is gone while a URL is alive", renewal.Facts{Key: renewal.KeyMissing, InSecret: held, Secret: renewal.SecretOurs},
			[]string{"The next URL is due in", "the controller cannot ask for it without a key", "before the URL expires"}},
		{"the key is not there yet", renewal.Facts{Key: renewal.KeyMissing},
			[]string{"You:    Do what is said above. The controller then continues without further help."}},
		{"other inputs", renewal.Facts{Key: renewal.KeyRead, InSecret: held, Secret: renewal.SecretOurs, Inputs: v1alpha1.Inputs{Purge: "delete"}},
			[]string{"issued for an earlier API key, purge mode, expiry or endpoint"}},
		{"somebody asked", renewal.Facts{Key: renewal.KeyRead, InSecret: held, Secret: renewal.SecretOurs, RenewRequest: "2"},
			[]string{"somebody requested a fresh one"}},
		{"the controller is late", renewal.Facts{Key: renewal.KeyRead, InSecret: overdue, Secret: renewal.SecretOurs}, []string{"check that the controller runs"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			text := explained(t, session("acme", refused), row.facts)
			for _, line := range row.lines {
				if !strings.Contains(text, line) {
					t.Errorf("does not say %q:\n%s", line, text)
				}
			}
		})
	}
}
