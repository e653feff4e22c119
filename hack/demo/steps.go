package main

import (
	"context"
	"errors"
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
	run func(context.Context, *demo) error
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

func showIssue(ctx context.Context, d *demo) error {
	if err := d.applySample(ctx); err != nil {
		return err
	}
	d.out.actionf("Apply %s", samplePath)
	d.out.notef("It declares BillingSession %s, and Secret %s with the group's API key.", sessionName, keyName)
	ready, err := d.await(ctx, quickTimeout, "session "+sessionName+" is ready", checkReady)
	if err != nil {
		return err
	}
	d.out.successf("%s is ready. %s.", sessionName, ready.condition(v1alpha1.ConditionReady).Message)
	return d.printRow(ctx)
}

func showSecret(ctx context.Context, d *demo) error {
	d.out.successf("Secret %s holds %s.", secretName, entries(d.before.secret))
	title, err := openPage(ctx, d.before.url())
	if err != nil {
		return err
	}
	d.out.successf("The page behind the URL answers 200 OK: “%s”.", title)
	return nil
}

func showRestore(ctx context.Context, d *demo) error {
	d.out.actionf("Delete Secret %s", secretName)
	if err := d.cluster.Delete(ctx, d.before.secret); err != nil {
		return err
	}
	_, err := d.await(ctx, quickTimeout, "the Secret is back with the same URL", func(s state) error {
		switch {
		case s.secret.UID == d.before.secret.UID:
			return errors.New("it has not been deleted yet")
		case s.url() == "":
			return errors.New("it has not been restored")
		case s.url() != d.before.url():
			return errors.New("it holds another URL")
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.out.successf("It is back, with the same URL.")
	return nil
}

func showRenewal(ctx context.Context, d *demo) error {
	d.printDue()
	after, err := d.await(ctx, lifetime, "another URL is in the Secret", checkReplaced(d.before))
	if err != nil {
		return err
	}
	d.out.successf("Another URL is in the Secret, %s before the old one expires.", seconds(d.before.left()))
	for _, s := range []state{d.before, after} {
		if _, err := openPage(ctx, s.url()); err != nil {
			return err
		}
	}
	d.out.successf("Both open the page: the old URL works until it expires.")
	return nil
}

func showOutage(ctx context.Context, d *demo) error {
	d.out.actionf("Let the endpoint answer 503")
	d.endpoint.Misbehave(standin.Status(503), standin.Message("Down for maintenance"))
	d.printDue()
	failing, err := d.await(ctx, lifetime, "the condition RenewalFailing is True", func(s state) error {
		if s.condition(v1alpha1.ConditionRenewalFailing).Status != metav1.ConditionTrue {
			return errors.New("it is not True")
		}
		return checkReady(s)
	})
	if err != nil {
		return err
	}
	d.out.successf("The condition RenewalFailing is True:")
	d.out.notef("%s.", failing.condition(v1alpha1.ConditionRenewalFailing).Message)
	if _, err := openPage(ctx, failing.url()); err != nil {
		return err
	}
	d.out.successf("%s is still ready and its page still opens: the URL has %s left.", sessionName, seconds(failing.left()))
	d.out.actionf("Let the endpoint work again")
	d.endpoint.Heal()
	d.out.waitingf("The operator retries ten seconds after the last attempt, or a little later.")
	_, err = d.await(ctx, lifetime, "another URL is in the Secret and RenewalFailing is gone", func(s state) error {
		if s.condition(v1alpha1.ConditionRenewalFailing).Status == metav1.ConditionTrue {
			return errors.New("RenewalFailing is still there")
		}
		return checkReplaced(failing)(s)
	})
	if err != nil {
		return err
	}
	d.out.successf("Another URL is in the Secret, %s before the old one expires.", seconds(failing.left()))
	d.out.successf("The condition RenewalFailing is gone.")
	return nil
}

func showKeyChange(ctx context.Context, d *demo) error {
	d.out.actionf("Put another API key into Secret %s", keyName)
	if err := d.changeKey(ctx, "another-key-of-the-group"); err != nil {
		return err
	}
	changed, err := d.await(ctx, quickTimeout, "the session has the reason InputsChanged", func(s state) error {
		if reason := s.condition(v1alpha1.ConditionReady).Reason; reason != v1alpha1.ReasonInputsChanged {
			return fmt.Errorf("the reason is %q", reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.out.successf("%s is not ready:", sessionName)
	d.out.notef("%s.", changed.condition(v1alpha1.ConditionReady).Message)
	if err := d.printRow(ctx); err != nil {
		return err
	}
	d.out.waitingf("The operator never sends two requests for one session within ten seconds.")
	if _, err := d.await(ctx, quickTimeout, "another URL is in the Secret and the session is ready", checkReplaced(d.before)); err != nil {
		return err
	}
	d.out.successf("%s is ready again, with a URL for the new key.", sessionName)
	return nil
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
