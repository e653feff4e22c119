package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// explain prints what the controller does next for a session, and why.
type explain struct{ name string }

func (e explain) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	preview, err := c.preview(ctx, env, e.name)
	if unread := (*unreadableError)(nil); errors.As(err, &unread) {
		return explainStatus(c, unread, env.clock.Now()).write(env.Out)
	}
	if err != nil {
		return err
	}
	return (&explanation{Preview: preview, cluster: c}).write(env.Out)
}

// explanation formats a preview in sentences.
type explanation struct {
	*controllers.Preview
	cluster *cluster
}

func (e *explanation) write(out io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "Session %s in namespace %s\n\n", e.Session.Name, e.Session.Namespace)
	lines := printers.GetNewTabWriter(&text)
	facts := [][2]string{{"Now:", e.now()}, {"Next:", e.next()}, {"Why:", e.why()}, {"You:", e.toDo()}}
	if e.Unread != nil {
		facts = append(facts, [2]string{"Unread:", fmt.Sprintf("The API key counts as unchanged, because it could not be read: %v.", e.Unread)})
	}
	for _, line := range facts {
		fmt.Fprintf(lines, "%s\t%s\n", line[0], escapeLine(line[1]))
	}
	fmt.Fprint(lines, "\nThe controller's rules, in order. The first one that holds decides:\n")
	_ = lines.Flush() // cannot fail: it writes to memory
	for _, name := range renewal.Rules() {
		if name == e.Plan.Rule {
			fmt.Fprintf(lines, "  yes\t%s\t%s\n", name, e.why())
			break
		}
		fmt.Fprintf(lines, "  no\t%s\t%s\n", name, e.passed(name))
	}
	_ = lines.Flush()
	_, err := fmt.Fprint(out, escape(text.String()))
	return err
}

// now describes the session as the controller would report it.
func (e *explanation) now() string {
	if e.Session.Status.ObservedGeneration < 0 {
		return "The controller has not looked at this session yet."
	}
	conditions := e.Status.Conditions
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	failing := meta.FindStatusCondition(conditions, v1alpha1.ConditionRenewalFailing)
	alive := ""
	if held := e.Plan.Active; held != nil {
		alive = fmt.Sprintf("The URL works for %s more, until %s.", formatDuration(held.ExpiresAt().Sub(e.Facts.Now)), formatTime(held.ExpiresAt()))
	}
	switch {
	case ready.Reason != v1alpha1.ReasonIssued:
		return joinSentences(fmt.Sprintf("Not ready (%s).", ready.Reason), asSentence(ready.Message), alive)
	case failing != nil:
		return joinSentences("Ready, but renewal is failing ("+failing.Reason+").", asSentence(failing.Message), alive)
	}
	return joinSentences("Ready.", alive)
}

// next says what the controller does next and when.
func (e *explanation) next() string {
	secret := fmt.Sprintf("Secret %q", e.SecretName)
	switch e.Plan.Step {
	case renewal.Ask:
		return "The controller asks the endpoint for a URL as soon as it is the session's turn."
	case renewal.ReadKey:
		return "The controller reads the API key now, and then decides again."
	case renewal.Store:
		return "The controller writes the URL from the status into " + secret + " now. That costs no request."
	case renewal.SyncMetadata:
		return "The controller brings the labels, annotations and owner of " + secret + " in line now. That costs no request."
	case renewal.DryRun:
		return "The controller tests now, by a dry run, whether " + secret + " can be written."
	case renewal.Wait:
	}
	return e.wait(secret)
}

// wait says what ends the wait, and when.
func (e *explanation) wait(secret string) string {
	switch e.Plan.Rule {
	case renewal.RuleNothingToDo:
		if lacksKey(e.Plan.Blocked) {
			return "The next URL is due " + e.at(e.Plan.Due) + ", but the controller cannot ask for it without a key."
		}
		return "The controller asks for the next URL " + e.at(e.notBefore(e.Plan.Due)) + "."
	case renewal.RuleAskedJustNow, renewal.RuleKeyIsPaused, renewal.RuleRetryIsNotDue:
		// Plan.RequeueAt may come earlier than the end of the wait, to look again.
		return "The controller asks again " + e.at(e.notBefore(e.Plan.RequeueAt)) + "."
	case renewal.RuleAwaitsItsTurn:
		return "The controller asks the endpoint for a URL as soon as it is the session's turn."
	case renewal.RuleSecretAwaitsCollection:
		return "The controller asks for a URL once " + secret + " has been collected."
	case renewal.RuleGrantIsUnsaved, renewal.RuleSecretIsGoneOrEdited, renewal.RuleSecretCannotBeWritten:
		return "The controller tries to write " + secret + " again within ten minutes."
	case renewal.RuleKeyIsNeeded:
		if e.Facts.KeyIsLate() {
			return "The controller asks for a URL as soon as the API key is there."
		}
	case renewal.RuleSecretIsForeign, renewal.RuleSuspended:
	case renewal.RuleKeyMayHaveChanged, renewal.RuleSecretHasDrifted, renewal.RuleAsk: // these never wait
	}
	return "Nothing until somebody acts."
}

func (e *explanation) at(t time.Time) string {
	return fmt.Sprintf("in %s, at %s", formatDuration(t.Sub(e.Facts.Now)), formatTime(t))
}

// notBefore returns t, or the end of the wait after the last attempt if that is later.
func (e *explanation) notBefore(t time.Time) time.Time {
	if last := e.Facts.Last; last != nil && last.NextTime != nil && last.NextTime.After(t) {
		return last.NextTime.Time
	}
	return t
}

// why says why the deciding rule holds.
func (e *explanation) why() string {
	return joinSentences(ruleMessages[e.Plan.Rule].holds, causeMessages[e.Plan.Cause])
}

// passed says why an earlier rule does not hold.
func (e *explanation) passed(rule renewal.Rule) string {
	if rule == renewal.RuleNothingToDo {
		return causeMessages[e.Plan.Cause]
	}
	return ruleMessages[rule].passed
}

// lateAfter is how late a healthy controller may be.
const lateAfter = time.Minute

// cannotWrite reports whether the status says that the Secret cannot be written.
func (e *explanation) cannotWrite() bool {
	failing := meta.FindStatusCondition(e.Session.Status.Conditions, v1alpha1.ConditionRenewalFailing)
	return failing != nil && failing.Reason == v1alpha1.ReasonSecretWriteFailed
}

// toDo says what the user has to do.
func (e *explanation) toDo() string {
	name := e.Session.Name
	switch {
	case e.Session.Status.ObservedGeneration < 0:
		return "If this does not change, check that the controller runs and serves this namespace."
	case e.Session.Spec.Suspend:
		return "To resume it, run: " + e.cluster.advise("resume %s", name)
	case e.Plan.Blocked == v1alpha1.ReasonRejected:
		return fmt.Sprintf("Correct the API key in Secret %q, or the fields of spec. The controller asks again as soon as they change. "+
			"If Xtracta has changed something instead, run: %s", e.Session.Spec.APIKeySecretRef.Name, e.cluster.advise("renew %s --wait", name))
	case meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionStalled), lacksKey(e.Plan.Blocked) && e.Plan.Active == nil:
		return "Do what is said above. The controller then continues without further help."
	case lacksKey(e.Plan.Blocked), e.cannotWrite():
		return "Do what is said above before the URL expires. The controller then continues without further help."
	case e.Plan.Step == renewal.Ask && e.Plan.Active != nil && e.Facts.Now.Sub(e.Plan.Due) > lateAfter:
		return fmt.Sprintf("Renewal was due %s ago: check that the controller runs and serves this namespace.", formatDuration(e.Facts.Now.Sub(e.Plan.Due)))
	}
	return "Nothing needs to be done."
}
