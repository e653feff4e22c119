package integration

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
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

// situation is how a row of the table is brought about, in a world that has a key.
type situation struct {
	// before the controller runs, and after; without the latter a session is created.
	before, after func(*world)
}

// situations are those of the file that kstatus and Argo CD are tested with: what those make of
// it is true only if the controller writes it.
var situations = map[string]situation{
	"nothing tried yet":        {after: func(w *world) { w.controller.stop(); w.Session("acme") }},
	"never issued, retrying":   {before: func(w *world) { w.Standin.Misbehave(down) }},
	"alive for today's inputs": {after: func(w *world) { w.issued("acme") }},
	"alive, renewal failing": {after: func(w *world) {
		alive := w.issued("acme")
		w.Standin.Misbehave(refusal)
		w.clock.Step(w.until(alive.Status.RenewalTime.Time) + time.Second)
	}},
	"alive for older inputs, retrying": {after: func(w *world) {
		w.issued("acme")
		w.Standin.Misbehave(down)
		w.passFloor()
		w.edit("acme", builders.Purge(v1alpha1.PurgeDelete))
	}},
	"expired, retrying": {after: func(w *world) {
		alive := w.issued("acme")
		w.Standin.Misbehave(down)
		w.clock.Step(w.until(alive.Status.ExpirationTime.Time) + time.Second)
	}},
	"rejected":                    {before: func(w *world) { w.Standin.Misbehave(refusal) }},
	"the key's Secret is missing": {before: func(w *world) { w.Delete(w.Secret("key")) }},
	"the key's Secret cannot be read": {before: func(w *world) {
		w.calls.fail(func(c call) error {
			if c.verb == "get" {
				return apierrors.NewForbidden(secrets, "key", errors.New("no permission"))
			}
			return nil
		}, nil)
	}},
	"the key's Secret is late": {before: func(w *world) {
		w.clock.SetTime(time.Now()) // the API server says when a session was created
		w.Delete(w.Secret("key"))
	}},
	"waits for its turn to ask": {
		before: func(w *world) { w.options.QPS, w.options.Burst = 0.001, 1 },
		after: func(w *world) {
			w.issued("first")
			w.suspended()
			w.edit("acme", resumed)
			w.rest()
			w.clock.Step(11 * time.Second)
		},
	},
	"the Secret is not ours":          {before: (*world).foreignSecret},
	"writing the Secret is forbidden": {before: func(w *world) { w.forbid() }},
	"waiting for garbage collection": {after: func(w *world) {
		issued := w.issued("acme")
		w.controller.stop()
		w.editSecret("acme", func(s *corev1.Secret) { s.Data["url"] = []byte("https://example.com/") })
		w.Delete(issued)
		w.Session("acme")
		w.run()
	}},
	"suspended, alive for today's inputs": {after: func(w *world) {
		w.issued("acme")
		w.edit("acme", builders.Suspended())
	}},
	"suspended, none alive for today's inputs": {after: (*world).suspended},
	"suspended, and the Secret is not ours": {
		before: (*world).foreignSecret,
		after:  func(w *world) { w.Session("acme", builders.Suspended()) },
	},
	"changed a moment ago": {after: func(w *world) {
		w.issued("acme")
		w.controller.stop()
		w.edit("acme", builders.Purge(v1alpha1.PurgeDelete))
	}},
	"resumed a moment ago": {after: func(w *world) {
		w.suspended()
		w.controller.stop()
		w.edit("acme", resumed)
	}},
}

var down, refusal = standin.BodyStatus(500, "Try again later"), standin.BodyStatus(403, "No access")

func (w *world) foreignSecret() { w.Create(builders.ForeignSecret(w.Namespace, "acme")) }

// suspended creates a session that is suspended, and waits until it says so.
func (w *world) suspended() {
	w.T.Helper()
	w.Session("acme", builders.Suspended())
	w.Reaches("acme", v1alpha1.ConditionReady, v1alpha1.ReasonSuspended)
}

func resumed(s *v1alpha1.BillingSession) { s.Spec.Suspend = false }

// TestControllerWritesTheSituationsThatToolsAreTestedWith compares what tools and people look
// at: conditions with their messages, and whether they are of today's generation.
func TestControllerWritesTheSituationsThatToolsAreTestedWith(t *testing.T) {
	t.Parallel()
	for _, entry := range fixtures.Situations(t) {
		t.Run(entry.Situation, func(t *testing.T) {
			t.Parallel()
			situation, ok := situations[entry.Situation]
			if !ok {
				t.Fatal("nobody knows how to bring it about")
			}
			w := newWorld(t)
			w.GiveKey("key", w.Key)
			if situation.before != nil {
				situation.before(w)
			}
			w.run()
			if situation.after != nil {
				situation.after(w)
			} else {
				w.Session("acme")
			}
			var session v1alpha1.BillingSession
			w.Must(runtime.DefaultUnstructuredConverter.FromUnstructured(entry.Session.Object, &session))
			want := whatIsSeen(&session)
			names := strings.NewReplacer(`"key"`, `"acme-xtracta"`, w.Namespace, "finance")
			w.Eventually("the situation", func() string { return cmp.Diff(want, names.Replace(whatIsSeen(w.Get("acme")))) })
		})
	}
}

// varying differs from one session to the next: a time, and what is odd about the key.
var varying = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:]+Z|This endpoint wants .*|The API key has .*`)

func whatIsSeen(session *v1alpha1.BillingSession) string {
	var seen []string
	for _, c := range session.Status.Conditions {
		seen = append(seen, fmt.Sprintf("%s=%s %s: %s\n", c.Type, c.Status, c.Reason, varying.ReplaceAllString(c.Message, "…")))
	}
	slices.Sort(seen)
	return strings.Join(seen, "") + fmt.Sprintf("untried: %t, outdated: %t, suspended: %t, URL: %t", session.Status.ObservedGeneration < 0,
		session.Status.ObservedGeneration != session.Generation, session.Spec.Suspend, session.Status.URL != "")
}
