package integration

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/fixtures"
	"github.com/xtracta/billing-operator/test/standin"
)

// situations are brought about for each entry of the file that kstatus and Argo CD
// are tested with: what those make of it is true only if the controller writes it.
var situations = map[string]func(*world){
	"nothing tried yet": func(w *world) { w.Session("acme") },
	"never issued, retrying": func(w *world) {
		w.Standin.Misbehave(standin.Status(500))
		w.GiveKey("key", w.Key)
		w.run()
		w.Session("acme")
	},
	"alive for today's inputs": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		w.issued("acme")
	},
	"alive, renewal failing": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		alive := w.issued("acme")
		w.Standin.Misbehave(standin.Status(403))
		w.clock.Step(w.until(alive.Status.RenewalTime.Time) + time.Second)
	},
	"alive for older inputs, retrying": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		w.issued("acme")
		w.Standin.Misbehave(standin.Status(500))
		w.passFloor()
		w.edit("acme", builders.Purge(v1alpha1.PurgeDelete))
	},
	"expired, retrying": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		alive := w.issued("acme")
		w.Standin.Misbehave(standin.Status(500))
		w.clock.Step(w.until(alive.Status.ExpirationTime.Time) + time.Second)
	},
	"rejected": func(w *world) {
		w.GiveKey("key", "wrong")
		w.run()
		w.Session("acme")
	},
	"the key's Secret is missing": func(w *world) {
		w.run()
		w.Session("acme")
	},
	"the key's Secret cannot be read": func(w *world) {
		w.GiveKey("key", w.Key)
		w.calls.fail(func(c call) error {
			if c.verb == "get" {
				return apierrors.NewForbidden(secrets, "key", errors.New("no permission"))
			}
			return nil
		}, nil)
		w.run()
		w.Session("acme")
	},
	"the key's Secret is late": func(w *world) {
		w.clock.SetTime(time.Now())
		w.run()
		w.Session("acme")
	},
	"waits for its turn to ask": func(w *world) {
		w.options.QPS, w.options.Burst = 0.001, 1
		w.GiveKey("key", w.Key)
		w.run()
		w.issued("first")
		w.Session("acme", builders.Suspended())
		w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonSuspended)
		w.edit("acme", func(s *v1alpha1.BillingSession) { s.Spec.Suspend = false })
		w.rest()
		w.clock.Step(11 * time.Second)
	},
	"the Secret is not ours": func(w *world) {
		w.Create(builders.ForeignSecret(w.Namespace, "acme"))
		w.run()
		w.Session("acme")
	},
	"writing the Secret is forbidden": func(w *world) {
		w.GiveKey("key", w.Key)
		w.forbid()
		w.waitUntilForbidden(true)
		w.run()
		w.Session("acme")
	},
	"waiting for garbage collection": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		issued := w.issued("acme")
		w.controller.stop()
		w.editSecret("acme", func(s *corev1.Secret) { s.Data["url"] = []byte("https://example.com/") })
		w.Delete(issued)
		w.Session("acme")
		w.run()
	},
	"suspended, alive for today's inputs": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		w.issued("acme")
		w.edit("acme", builders.Suspended())
	},
	"suspended, none alive for today's inputs": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		w.Session("acme", builders.Suspended())
	},
	"suspended, and the Secret is not ours": func(w *world) {
		w.Create(builders.ForeignSecret(w.Namespace, "acme"))
		w.run()
		w.Session("acme", builders.Suspended())
	},
	"changed a moment ago": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		w.issued("acme")
		w.controller.stop()
		w.edit("acme", builders.Purge(v1alpha1.PurgeDelete))
	},
	"resumed a moment ago": func(w *world) {
		w.GiveKey("key", w.Key)
		w.run()
		w.Session("acme", builders.Suspended())
		w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonSuspended)
		w.controller.stop()
		w.edit("acme", func(s *v1alpha1.BillingSession) { s.Spec.Suspend = false })
	},
}

// TestControllerWritesTheSituationsThatToolsAreTestedWith compares what tools look
// at: conditions, and whether they are of today's generation.
func TestControllerWritesTheSituationsThatToolsAreTestedWith(t *testing.T) {
	t.Parallel()
	for _, entry := range fixtures.Situations(t) {
		t.Run(entry.Situation, func(t *testing.T) {
			t.Parallel()
			bringAbout, ok := situations[entry.Situation]
			if !ok {
				t.Fatal("nobody knows how to bring it about")
			}
			w := newWorld(t)
			bringAbout(w)
			var session v1alpha1.BillingSession
			w.Must(runtime.DefaultUnstructuredConverter.FromUnstructured(entry.Session.Object, &session))
			want := whatToolsSee(&session)
			w.Eventually("the situation", func() string { return cmp.Diff(want, whatToolsSee(w.Get("acme"))) })
		})
	}
}

func whatToolsSee(session *v1alpha1.BillingSession) (seen []string) {
	for _, c := range session.Status.Conditions {
		seen = append(seen, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(seen)
	return append(seen, fmt.Sprintf("untried: %t, outdated: %t, suspended: %t, URL: %t", session.Status.ObservedGeneration < 0,
		session.Status.ObservedGeneration != session.Generation, session.Spec.Suspend, session.Status.URL != ""))
}
