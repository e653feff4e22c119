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

// step is something that the operator does, and the way to see it.
type step struct {
	title string
	// requests that it costs at the endpoint, no more and no less.
	requests int
	// see makes it happen and returns once it was seen. Its error says what was not.
	see func(context.Context, *demo) error
}

// steps are in the order in which they play: each goes on where the one before
// ended.
var steps = []step{
	{"A session is applied, and a URL is issued", 1, seeIssue},
	{"The URL is in a Secret, for pods to mount and people to open", 0, seeSecret},
	{"Somebody deletes the Secret", 0, seeRestore},
	{"The URL is replaced before it expires", 1, seeRenewal},
	{"The endpoint fails when the next renewal is due", 2, seeOutage},
	{"Somebody changes the API key", 1, seeKeyChange},
}

func seeIssue(ctx context.Context, d *demo) error {
	var err error
	if d.example, err = d.applySample(ctx); err != nil {
		return err
	}
	d.out.didf("Apply %s", sample)
	d.out.asidef("It declares BillingSession %s, and Secret %s with the group's API key.", d.session.Name, d.key.Name)
	seen, err := d.await(ctx, soon, "session "+d.session.Name+" is ready", missingReady)
	if err != nil {
		return err
	}
	d.out.sawf("%s is ready. %s.", d.session.Name, seen.condition(v1alpha1.ConditionReady).Message)
	return d.showRow(ctx)
}

func seeSecret(ctx context.Context, d *demo) error {
	now, err := d.now(ctx)
	if err != nil {
		return err
	}
	d.out.sawf("Secret %s holds %s.", d.secret.Name, entries(now.secret))
	title, err := openPage(ctx, now.url())
	if err != nil {
		return err
	}
	d.out.sawf("The page behind the URL answers 200 OK: “%s”.", title)
	return nil
}

func seeRestore(ctx context.Context, d *demo) error {
	before, err := d.now(ctx)
	if err != nil {
		return err
	}
	d.out.didf("Delete Secret %s", d.secret.Name)
	if err := d.cluster.Delete(ctx, before.secret); err != nil {
		return err
	}
	_, err = d.await(ctx, soon, "the Secret is back with the URL that it had", func(s state) error {
		switch {
		case s.secret.UID == before.secret.UID:
			return errors.New("it is not gone yet")
		case s.url() == "":
			return errors.New("it is gone")
		case s.url() != before.url():
			return errors.New("it holds another URL")
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.out.sawf("It is back, with the same URL.")
	return nil
}

func seeRenewal(ctx context.Context, d *demo) error {
	before, err := d.now(ctx)
	if err != nil {
		return err
	}
	d.awaitDue(before)
	after, err := d.await(ctx, life, "another URL is in the Secret", missingRenewal(before))
	if err != nil {
		return err
	}
	d.out.sawf("Another URL is in the Secret, %s before the old one expires.", seconds(before.left()))
	for _, s := range []state{before, after} {
		if _, err := openPage(ctx, s.url()); err != nil {
			return err
		}
	}
	d.out.sawf("Both open the page: whoever still has the old one is not thrown out.")
	return nil
}

func seeOutage(ctx context.Context, d *demo) error {
	before, err := d.now(ctx)
	if err != nil {
		return err
	}
	d.out.didf("Let the endpoint answer 503")
	d.endpoint.Misbehave(standin.Status(503), standin.Message("Down for maintenance"))
	d.awaitDue(before)
	failing, err := d.await(ctx, life, "the condition RenewalFailing is True", func(s state) error {
		if s.condition(v1alpha1.ConditionRenewalFailing).Status != metav1.ConditionTrue {
			return errors.New("it is not there")
		}
		return missingReady(s)
	})
	if err != nil {
		return err
	}
	d.out.sawf("The condition RenewalFailing is True:")
	d.out.asidef("%s.", failing.condition(v1alpha1.ConditionRenewalFailing).Message)
	if _, err := openPage(ctx, failing.url()); err != nil {
		return err
	}
	d.out.sawf("%s is still ready and its page still opens: the URL has %s left.", d.session.Name, seconds(failing.left()))
	d.out.didf("Let the endpoint work again")
	d.endpoint.Heal()
	d.out.waitf("The operator tries again ten seconds after the last attempt, or a little later.")
	_, err = d.await(ctx, life, "another URL is in the Secret and RenewalFailing is gone", func(s state) error {
		if s.condition(v1alpha1.ConditionRenewalFailing).Status == metav1.ConditionTrue {
			return errors.New("RenewalFailing is still there")
		}
		return missingRenewal(failing)(s)
	})
	if err != nil {
		return err
	}
	d.out.sawf("Another URL is in the Secret, %s before the old one expires.", seconds(failing.left()))
	d.out.sawf("The condition RenewalFailing is gone.")
	return nil
}

func seeKeyChange(ctx context.Context, d *demo) error {
	before, err := d.now(ctx)
	if err != nil {
		return err
	}
	d.out.didf("Put another API key into Secret %s", d.key.Name)
	if err := d.changeKey(ctx, d.example, "another-key-of-the-group"); err != nil {
		return err
	}
	changed, err := d.await(ctx, soon, "the session says that its inputs changed", func(s state) error {
		if reason := s.condition(v1alpha1.ConditionReady).Reason; reason != v1alpha1.ReasonInputsChanged {
			return fmt.Errorf("the reason is %q", reason)
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.out.sawf("%s is not ready:", d.session.Name)
	d.out.asidef("%s.", changed.condition(v1alpha1.ConditionReady).Message)
	if err := d.showRow(ctx); err != nil {
		return err
	}
	d.out.waitf("For one session the endpoint is never asked twice within ten seconds.")
	if _, err := d.await(ctx, soon, "another URL is in the Secret and the session is ready", missingRenewal(before)); err != nil {
		return err
	}
	d.out.sawf("%s is ready again, with a URL for the new key.", d.session.Name)
	return nil
}

// missingRenewal says what is missing for another URL than before to be in use.
func missingRenewal(before state) func(state) error {
	return func(s state) error {
		if s.url() == before.url() {
			return errors.New("the Secret holds the old one")
		}
		return missingReady(s)
	}
}

// awaitDue tells when renewal is due.
func (d *demo) awaitDue(s state) {
	due := time.Until(s.session.Status.RenewalTime.Time)
	d.out.waitf("The URL has %s left; its renewal is due in %s.", seconds(s.left()), seconds(due))
}

// entries names the entries of a Secret with their lengths; their values are
// nobody's business.
func entries(secret *corev1.Secret) string {
	var said []string
	for _, name := range slices.Sorted(maps.Keys(secret.Data)) {
		said = append(said, fmt.Sprintf("%s (%d bytes)", name, len(secret.Data[name])))
	}
	return strings.Join(said, " and ")
}
