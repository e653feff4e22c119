package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// uses are the fields by which a pod names a Secret.
const uses = `
  volumes:
  - {name: a, secret: {secretName: acme}}
  - {name: b, projected: {sources: [{secret: {name: acme}}]}}
  - {name: c, projected: {sources: [{configMap: {name: other}}, {secret: {name: acme}}]}}
  containers:
  - {name: a, env: [{name: A, value: b}, {name: B, valueFrom: {secretKeyRef: {name: acme, key: url}}}], envFrom: [{secretRef: {name: acme}}]}
  initContainers:
  - {name: b, env: [{name: B, valueFrom: {secretKeyRef: {name: acme, key: url}}}], envFrom: [{secretRef: {name: acme}}]}
`

// Whoever uses a session's Secret must follow a prefix of the session's name: the pod would wait for a
// Secret that never comes.
func TestEveryWorkloadFollowsTheSessionsName(t *testing.T) {
	deep := func(text, indent string) string { return strings.ReplaceAll(text, "\n", "\n"+indent) }
	workloads := map[string]string{"v1 Pod": "spec:" + uses, "external-secrets.io/v1alpha1 PushSecret": "spec: {selector: {secret: {name: acme}}}"}
	for _, kind := range []string{"apps/v1 Deployment", "apps/v1 StatefulSet", "apps/v1 DaemonSet", "apps/v1 ReplicaSet", "batch/v1 Job"} {
		workloads[kind] = "spec:\n  template:\n    spec:" + deep(uses, "    ")
	}
	workloads["batch/v1 CronJob"] = "spec:\n  jobTemplate:\n    spec:\n      template:\n        spec:" + deep(uses, "        ")
	for kind, spec := range workloads {
		t.Run(kind, func(t *testing.T) {
			version, kind, _ := strings.Cut(kind, " ")
			text := marshalled(t, renamed(t, fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: user}\n%s\n", version, kind, spec), kind)["spec"].(map[string]any))
			if want := strings.Count(spec, "acme"); strings.Count(text, "eu-acme") != want || strings.Count(text, "acme") != want {
				t.Errorf("want eu-acme %d times:\n%s", want, text)
			}
		})
	}
}

// renamed is an object beside a session acme, in an overlay that puts eu- before all names.
func renamed(t *testing.T, object, kind string) map[string]any {
	t.Helper()
	dir := t.TempDir()
	config, err := os.ReadFile(env.Path("config", "samples", "kustomizeconfig.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"kustomizeconfig.yaml": string(config),
		"session.yaml":         "{apiVersion: billing.xtracta.com/v1alpha1, kind: BillingSession, metadata: {name: acme}, spec: {apiKeySecretRef: {name: key}}}",
		"object.yaml":          object,
		"kustomization.yaml":   "{namePrefix: eu-, resources: [session.yaml, object.yaml], configurations: [kustomizeconfig.yaml]}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return manifests.Kustomize(t, dir).OfKind(kind)[0].Object
}
