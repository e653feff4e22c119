package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/standin"
)

// step shows something that the operator does.
type step struct {
	title    string
	requests int // exactly so many requests to the endpoint
	// run brings it about and waits until it has happened.
	run func(*demo)
}

// steps are in order: each continues where the one before ended.
var steps = []step{
	{"A session is applied, and a URL is issued", 1, showIssue},
	{"The URL is in a Secret, for pods to mount and people to open", 0, showSecret},
	{"Somebody deletes the Secret", 0, showRestore},
	{"The URL is replaced before it expires", 1, showRenewal},
	{"The endpoint fails when the next renewal is due", 2, showOutage},
	{"Somebody changes the API key", 1, showKeyChange},
}

func showIssue(d *demo) {
	d.applyFile(samplePath)
	d.out.actionf("Apply %s", samplePath)
	d.out.notef("It declares BillingSession %s, and Secret %s with the group's API key.", sessionName, keyName)
	ready := d.await(quickTimeout, "session "+sessionName+" is ready", checkReady)
	d.out.successf("%s is ready. %s.", sessionName, ready.condition(v1alpha1.ConditionReady).Message)
	d.printRow()
}

func showSecret(d *demo) {
	d.out.successf("Secret %s holds %s.", secretName, entries(&d.before.secret))
	d.out.successf("The page behind the URL answers 200 OK: “%s”.", d.mustOpen(d.before.url()))
}

func showRestore(d *demo) {
	d.out.actionf("Delete Secret %s", secretName)
	d.must(d.client.Delete(d.ctx, d.before.secret.DeepCopy()))
	d.await(quickTimeout, "the Secret is back with the same URL", func(s state) string {
		switch {
		case s.secret.UID == d.before.secret.UID:
			return "it has not been deleted yet"
		case s.url() == "":
			return "it has not been restored"
		case s.url() != d.before.url():
			return "it holds another URL"
		}
		return ""
	})
	d.out.successf("It is back, with the same URL.")
}

func showRenewal(d *demo) {
	d.printDue()
	after := d.await(lifetime, "another URL is in the Secret", checkReplaced(d.before))
	d.out.successf("Another URL is in the Secret, %s before the old one expires.", seconds(d.before.left()))
	d.mustOpen(d.before.url())
	d.mustOpen(after.url())
	d.out.successf("Both open the page: the old URL works until it expires.")
}

func showOutage(d *demo) {
	d.out.actionf("Let the endpoint answer 503")
	d.endpoint.Misbehave(standin.Status(503), standin.Message("Down for maintenance"))
	d.printDue()
	failing := d.await(lifetime, "the condition RenewalFailing is True", func(s state) string {
		if s.condition(v1alpha1.ConditionRenewalFailing).Status != metav1.ConditionTrue {
			return "it is not True"
		}
		return checkReady(s)
	})
	d.out.successf("The condition RenewalFailing is True:")
	d.out.notef("%s.", failing.condition(v1alpha1.ConditionRenewalFailing).Message)
	d.mustOpen(failing.url())
	d.out.successf("%s is still ready and its page still opens: the URL has %s left.", sessionName, seconds(failing.left()))
	d.out.actionf("Let the endpoint work again")
	d.endpoint.Heal()
	d.out.waitingf("The operator retries ten seconds after the last attempt, or a little later.")
	d.await(lifetime, "another URL is in the Secret and RenewalFailing is gone", func(s state) string {
		if s.condition(v1alpha1.ConditionRenewalFailing).Status == metav1.ConditionTrue {
			return "RenewalFailing is still there"
		}
		return checkReplaced(failing)(s)
	})
	d.out.successf("Another URL is in the Secret, %s before the old one expires.", seconds(failing.left()))
	d.out.successf("The condition RenewalFailing is gone.")
}

func showKeyChange(d *demo) {
	d.out.actionf("Put another API key into Secret %s", keyName)
	d.changeKey("another-key-of-the-group")
	changed := d.await(quickTimeout, "the session has the reason InputsChanged", func(s state) string {
		if reason := s.condition(v1alpha1.ConditionReady).Reason; reason != v1alpha1.ReasonInputsChanged {
			return fmt.Sprintf("the reason is %q", reason)
		}
		return ""
	})
	d.out.successf("%s is not ready:", sessionName)
	d.out.notef("%s.", changed.condition(v1alpha1.ConditionReady).Message)
	d.printRow()
	d.out.waitingf("The operator never sends two requests for one session within ten seconds.")
	d.await(quickTimeout, "another URL is in the Secret and the session is ready", checkReplaced(d.before))
	d.out.successf("%s is ready again, with a URL for the new key.", sessionName)
}

// printDue prints when renewal is due.
func (d *demo) printDue() {
	due := time.Until(d.before.session.Status.RenewalTime.Time)
	d.out.waitingf("The URL has %s left; its renewal is due in %s.", seconds(d.before.left()), seconds(due))
}

// entries lists the entries of a Secret with their lengths. Their values are secret.
func entries(secret *corev1.Secret) string {
	var entries []string
	for _, name := range slices.Sorted(maps.Keys(secret.Data)) {
		entries = append(entries, fmt.Sprintf("%s (%d bytes)", name, len(secret.Data[name])))
	}
	return strings.Join(entries, " and ")
}
