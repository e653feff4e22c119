package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/fixtures"
)

// verdictsAgree brings sessions into situations, and has Argo CD's and Flux's own code
// judge them as they are in the cluster.
func verdictsAgree(t *testing.T, e *endpoint) {
	namespace := newNamespace(t, "e2e-verdicts")
	situations := map[string]string{} // by session

	alive := declare(t, namespace, "alive")
	situations[alive.Name] = "alive for today's inputs"

	e.misbehave(t, keyOf(namespace, "waits"), "status=503")
	waits := declare(t, namespace, "waits")
	situations[waits.Name] = "never issued, retrying"

	e.revoke(t, keyOf(namespace, "refused"))
	refused := declare(t, namespace, "refused")
	situations[refused.Name] = "rejected"

	keyless := builders.Session("keyless", builders.In(namespace))
	create(t, keyless)
	situations[keyless.Name] = "the key's Secret is late"

	rests := declare(t, namespace, "rests", builders.Suspended())
	situations[rests.Name] = "suspended, none alive for today's inputs"

	paused := declare(t, namespace, "paused")
	situations[paused.Name] = "suspended, alive for today's inputs"
	issued(t, paused)
	patch(t, paused, func(s *v1alpha1.BillingSession) { s.Spec.Suspend = true })

	issued(t, alive)
	reaches(t, paused, v1alpha1.ConditionReady, v1alpha1.ReasonIssued)
	reaches(t, waits, v1alpha1.ConditionReconciling, v1alpha1.ReasonUnavailable)
	reaches(t, refused, v1alpha1.ConditionStalled, v1alpha1.ReasonRejected)
	reaches(t, keyless, v1alpha1.ConditionReconciling, v1alpha1.ReasonKeySecretMissing)
	reaches(t, rests, v1alpha1.ConditionReady, v1alpha1.ReasonSuspended)

	expected := expectedVerdicts(t)
	argocd, flux := verdicts(t, "argocd", namespace), verdicts(t, "flux", namespace)
	for session, situation := range situations {
		want, known := expected[situation]
		if !known {
			t.Fatalf("the table has no situation %q", situation)
		}
		if got := argocd[session]; got != want.ArgoCD {
			t.Errorf("%s: Argo CD says %q, want %s", situation, got, want.ArgoCD)
		}
		if got, want := flux[session], cmp.Or(want.Flux, want.KStatus); got != want {
			t.Errorf("%s: Flux says %q, want %s", situation, got, want)
		}
	}
}

// expectedVerdicts are those of the table that all readers of a session's health share.
func expectedVerdicts(t *testing.T) map[string]fixtures.Situation {
	t.Helper()
	expected := map[string]fixtures.Situation{}
	for _, row := range fixtures.Situations(t) {
		expected[row.Situation] = row
	}
	return expected
}

// verdicts has a tool judge the sessions of a namespace.
func verdicts(t *testing.T, tool, namespace string) map[string]string {
	t.Helper()
	sessions := &unstructured.UnstructuredList{}
	sessions.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("BillingSessionList"))
	if err := cluster.List(t.Context(), sessions, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(sessions)
	if err != nil {
		t.Fatal(err)
	}
	program, err := filepath.Abs(filepath.Join(root, "bin", "e2e", tool+"-verdict"))
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Dir = filepath.Join(root, "test", "gitops", tool)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(text), &complaints
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, &complaints)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(output)) {
		fields := strings.Split(line, "\t")
		said[strings.TrimPrefix(fields[0], namespace+"/")] = fields[1]
	}
	return said
}
