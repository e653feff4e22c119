package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// TestForbiddenKeyIsLookedAtAgainEachMinute: a permission that is given later shows
// in no watch.
func TestForbiddenKeyIsLookedAtAgainEachMinute(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	w.calls.fail(func(c call) error {
		if c.verb == "get" {
			return apierrors.NewForbidden(secrets, "key", errors.New("no permission"))
		}
		return nil
	}, nil)
	w.run()
	w.Session("acme")
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonKeySecretForbidden)
	w.rest()
	w.calls.fail(nil, nil)
	w.clock.Step(time.Minute + time.Second)
	w.Ready("acme")
}

// TestGrantedURLIsNoKey: a reference to a generated Secret is a slip of the pen, which would
// send a URL that works as a password to the endpoint, again with each renewal.
func TestGrantedURLIsNoKey(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme")
	w.Session("slip", builders.KeySecret("acme"), builders.KeyEntry(v1alpha1.SecretKeyURL))
	stalled := w.Reaches("slip", v1alpha1.ConditionStalled, v1alpha1.ReasonKeyInvalid)
	if message := meta.FindStatusCondition(stalled.Status.Conditions, v1alpha1.ConditionStalled).Message; !strings.Contains(message, "spec.apiKeySecretRef.name") {
		t.Errorf("the cure is not named: %s", message)
	}
	w.waitForRequests(1)
}

// TestKeyRotatedDuringARequestIsAskedForAgain: the grant is of the old key.
func TestKeyRotatedDuringARequestIsAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	const rotated = "rotated-key-12345"
	w.Standin.AddKeys(rotated)
	release := w.Standin.Hold()
	w.Session("acme", builders.Expiration(86400))
	w.waitForRequestsUnderWay(1)
	w.GiveKey("key", rotated)
	release()
	w.Eventually("the grant of the old key", func() string {
		if w.URLIn("acme") == w.Standin.Grants(w.Key)[0].URL {
			return ""
		}
		return "it is not stored"
	})
	w.Reaches("acme", v1alpha1.ConditionReconciling, v1alpha1.ReasonInputsChanged)
	w.clock.Step(11 * time.Second)
	w.Ready("acme")
	w.waitForURL("acme", w.Standin.Grants(rotated)[0].URL)
	w.waitForRequests(2)
}

func TestKeyIsSentWithoutWhiteSpaceAndAnImpossibleOneNever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", " \t"+w.Key+"\r\n")
	w.GiveKey("too-long", strings.Repeat("k", 513))
	w.run()
	w.Session("acme")
	w.Session("long", builders.KeySecret("too-long"))
	w.Ready("acme")
	w.Reaches("long", v1alpha1.ConditionStalled, v1alpha1.ReasonKeyInvalid)
	w.waitForRequests(1)
}

// TestMissingKeyIsToldBeforeItHurts: the URL that is alive works without it.
func TestMissingKeyIsToldBeforeItHurts(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme")
	w.Delete(w.Secret("key"))
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonKeySecretMissing)
	w.GiveKey("key", w.Key)
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
	w.waitForRequests(1)
}

// TestLongMessageIsStillTold: the API server refuses events whose note is longer
// than a kilobyte.
func TestLongMessageIsStillTold(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.Standin.Misbehave(standin.BodyStatus(400, strings.Repeat(strings.Repeat("\U00020000", 40)+" ", 20)))
	w.Session("acme")
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonRejected)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonRejected: 1})
}
