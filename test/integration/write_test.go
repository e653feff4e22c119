package integration

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

var secrets = schema.GroupResource{Resource: "secrets"}

// TestGrantThatCannotBeWrittenIsNotAskedForAgain lets a write fail a few times.
func TestGrantThatCannotBeWrittenIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	lost := apierrors.NewTimeoutError("the answer was lost", 1)
	for _, row := range []struct {
		name, verb string
		err        error
		happened   bool // the write worked all the same
	}{
		{"create happens and times out", "create", lost, true},
		{"create finds one that the cache does not show", "create", apierrors.NewAlreadyExists(secrets, "acme"), false},
		{"update conflicts", "update", apierrors.NewConflict(secrets, "acme", errors.New("modified")), false},
		{"update happens and times out", "update", lost, true},
		{"update finds nothing", "update", apierrors.NewNotFound(secrets, "acme"), false},
		{"the status is patched and the answer is lost", "patch status", lost, true},
		{"the status conflicts", "patch status", apierrors.NewConflict(secrets, "acme", errors.New("modified")), false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			left := 4
			fail := func(c call) error {
				if c.verb == row.verb && left > 0 {
					left--
					return row.err
				}
				return nil
			}
			before, after := fail, (func(call) error)(nil)
			if row.happened {
				before, after = nil, fail
			}
			want := 1
			if row.verb == "create" {
				w.calls.fail(before, after)
				w.Session("acme", builders.Expiration(86400))
			} else {
				first := w.issued("acme")
				w.passFloor()
				w.calls.fail(before, after)
				w.RequestRenewal("acme", "now")
				w.Eventually("the second request", func() string {
					if w.Standin.Total() == 2 {
						return ""
					}
					return first.Name
				})
				want = 2
			}
			for range 20 {
				w.clock.Step(7 * time.Second)
				w.rest()
			}
			session := w.Ready("acme")
			w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
			w.waitForRequests(want)
			w.holdsGrant(session)
			if left > 0 && !row.happened {
				t.Errorf("the write was not tried again: %d failures left", left)
			}
		})
	}
}

// TestRestartDoesNotAskForWhatTheSecretHolds: a crash between Secret and status
// loses nothing.
func TestRestartDoesNotAskForWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.calls.fail(func(c call) error {
		if c.verb == "patch status" {
			return apierrors.NewInternalError(errors.New("etcd is slow"))
		}
		return nil
	}, nil)
	w.Session("acme", builders.Expiration(86400))
	w.waitForRequests(1)
	w.controller.stop()
	w.calls.fail(nil, nil)
	w.run()
	w.holdsGrant(w.Ready("acme"))
	w.waitForRequests(1)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1})
}

// forbid makes the API server refuse writes of Secrets that carry the operator's
// label, by a policy whose message quotes what it refuses.
func (w *world) forbid() (allow func()) {
	w.T.Helper()
	return w.policy("!('app.kubernetes.io/managed-by' in object.metadata.?labels.orValue({}))",
		`"no such Secrets here: " + string(object.?data.url.orValue(b""))`, "", "secrets")
}

// policy admits only what the expression is true for, in the world's namespace.
func (w *world) policy(expression, message, group, resource string) (remove func()) {
	w.T.Helper()
	name := fmt.Sprintf("%s-%s", w.Namespace, resource[:6])
	version := "v1"
	if group != "" {
		version = "v1alpha1"
	}
	policy := &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: w.Namespace}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: []string{resource}},
				}}},
			},
			Validations: []admissionv1.Validation{{Expression: expression, MessageExpression: message, Reason: ptr.To(metav1.StatusReasonForbidden)}},
		},
	}
	binding := &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}
	w.Create(policy)
	w.Create(binding)
	remove = func() {
		for _, object := range []client.Object{binding, policy} {
			if err := w.Client.Delete(context.Background(), object); client.IgnoreNotFound(err) != nil {
				w.T.Error(err)
			}
		}
	}
	w.T.Cleanup(remove)
	return remove
}

// waitUntilForbidden waits until the policy is in force, or is not any more.
func (w *world) waitUntilForbidden(want bool) {
	w.T.Helper()
	w.Eventually("the policy", func() string {
		probe := builders.ForeignSecret(w.Namespace, "probe")
		probe.Labels = map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
		if err := w.Client.Create(w.T.Context(), probe, client.DryRunAll); apierrors.IsForbidden(err) != want {
			return fmt.Sprint(err)
		}
		return ""
	})
}

func TestForbiddenSecretIsToldAndRehearsedBeforeAnotherRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	allow := w.forbid()
	w.waitUntilForbidden(true)
	w.run()
	w.Session("acme", builders.Expiration(600))
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretWriteFailed)
	for range 30 { // longer than the grant that could not be written lives
		w.clock.Step(time.Minute)
		w.rest()
	}
	w.waitForRequests(1)
	w.Reaches("acme", v1alpha1.ConditionStalled, v1alpha1.ReasonSecretWriteFailed)
	allow()
	w.waitUntilForbidden(false)
	w.clock.Step(10*time.Minute + time.Second) // a refused write is tried less and less often
	w.holdsGrant(w.Ready("acme"))
	w.waitForRequests(2)
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonSecretWriteFailed: 1, v1alpha1.ReasonIssued: 1})
}

func TestForbiddenRenewalIsToldWhileTheOldURLLives(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	first := w.issued("acme", builders.Expiration(3600))
	allow := w.forbid()
	w.waitUntilForbidden(true)
	w.clock.Step(w.until(first.Status.RenewalTime.Time) + time.Second)
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonSecretWriteFailed)
	w.waitForRequests(2)
	allow()
	w.waitUntilForbidden(false)
	w.clock.Step(time.Minute + time.Second)
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
	w.waitForRequests(2) // the grant that was kept is written
	w.holdsGrant(w.Get("acme"))
	w.waitForEvents("acme", map[string]int{v1alpha1.ReasonIssued: 1, v1alpha1.ReasonSecretWriteFailed: 1, v1alpha1.ReasonRecovered: 1})
}

func TestImmutableSecretIsToldAsAFailedWrite(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	w.issued("acme")
	w.editSecret("acme", func(s *corev1.Secret) { s.Immutable = ptr.To(true) })
	w.passFloor()
	w.RequestRenewal("acme", "now")
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonSecretWriteFailed)
	w.waitForRequests(2)
	w.Delete(w.Secret("acme")) // and nobody waits for the end of the wait
	w.waitForURL("acme", w.Standin.Grants(w.Key)[1].URL)
	w.Ready("acme")
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
	w.holdsGrant(w.Get("acme"))
	w.waitForRequests(2)
}

// TestRefusedStatusShowsNoURL: the API server's message quotes what it refused.
func TestRefusedStatusShowsNoURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.GiveKey("key", w.Key)
	allow := w.policy("!has(object.status.url)", `"no URL here: " + object.status.url`, v1alpha1.GroupVersion.Group, "billingsessions/status")
	w.Eventually("the policy is in force", func() string {
		probe := w.probeStatus()
		if apierrors.IsForbidden(probe) {
			return ""
		}
		return fmt.Sprint(probe)
	})
	w.run()
	w.Session("acme")
	w.Eventually("the Secret", func() string {
		if w.URLIn("acme") != "" {
			return ""
		}
		return "there is none"
	})
	w.rest()
	allow()
	w.Eventually("recovery", func() string {
		w.clock.Step(20 * time.Second)
		w.rest()
		if w.Get("acme").Status.URL != "" {
			return ""
		}
		return "the status is not written"
	})
	w.waitForRequests(1)
}

// probeStatus says what comes of writing a URL into the status of a session that
// no controller serves.
func (w *world) probeStatus() error {
	name := fmt.Sprintf("probe-%08x", rand.Uint32())
	probe := w.Session(name)
	defer w.Delete(probe)
	probe.Status.URL = "https://example.com/"
	return w.Client.Status().Update(w.T.Context(), probe)
}

// TestFailingAPIServerIsTold: nobody has to act, but it is not the endpoint either.
func TestFailingAPIServerIsTold(t *testing.T) {
	t.Parallel()
	w := newRunningWorld(t)
	failing := func(c call) error {
		if c.verb == "create" || c.verb == "update" {
			return apierrors.NewInternalError(errors.New("failed calling webhook"))
		}
		return nil
	}
	w.calls.fail(failing, nil)
	w.Session("acme", builders.Expiration(86400))
	w.Reaches("acme", v1alpha1.ConditionReconciling, v1alpha1.ReasonSecretWriteFailed)
	w.calls.fail(nil, nil)
	w.clock.Step(time.Minute)
	first := w.Ready("acme")
	w.calls.fail(failing, nil)
	w.clock.Step(w.until(first.Status.RenewalTime.Time) + time.Second)
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonSecretWriteFailed)
	w.calls.fail(nil, nil)
	w.clock.Step(time.Minute)
	w.Reaches("acme", v1alpha1.ConditionRenewalFailing, "")
	w.waitForRequests(2)
}

// TestWritesThatAreChangedOnTheirWayAreNotRepeated: a mutating webhook has the last
// word on labels, and must not make the controller write or ask without end.
func TestWritesThatAreChangedOnTheirWayAreNotRepeated(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		change func(*corev1.Secret)
	}{
		{"a label", func(s *corev1.Secret) { s.Labels["team"] = "theirs" }},
		{"another label", func(s *corev1.Secret) { s.Labels["more"] = "theirs" }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newRunningWorld(t)
			w.calls.fail(func(c call) error {
				if secret, ok := c.object.(*corev1.Secret); ok && (c.verb == "create" || c.verb == "update") && secret.Data != nil {
					row.change(secret)
				}
				return nil
			}, nil)
			w.Session("acme", builders.Expiration(86400), builders.Template(map[string]v1alpha1.LabelValue{"team": "ours"}, nil))
			w.Ready("acme")
			w.clock.Stop()
			for range 30 {
				w.clock.Step(20 * time.Second)
				w.rest()
			}
			w.waitForRequests(1)
			if made := len(w.calls.since()); made > 40 {
				t.Errorf("%d calls to the API server in ten minutes", made)
			}
		})
	}
}
