package controllers

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// kustomization declares one that applies everything in the folder of its name. The interval is so
// long that a test which wants another reconciliation has to ask for it.
func (s *stage) kustomization(name, spec string) {
	s.t.Helper()
	defaults := map[string]any{
		"interval": "1h", "retryInterval": "2s", "timeout": "1m", "prune": true, "path": "./" + name,
		"sourceRef": map[string]any{"kind": "GitRepository", "name": "finance"},
	}
	differences := map[string]any{}
	s.must(yaml.UnmarshalStrict([]byte(s.fill(spec)), &differences))
	for field, value := range differences {
		defaults[field] = value
	}
	u := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
	u.SetNamespace(s.fluxNamespace)
	u.SetName(name)
	u.Object["spec"] = defaults
	s.must(s.kube.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("somebody"), client.ForceOwnership))
}

// verdict is what Flux says of a Kustomization.
type verdict struct {
	Status  string // of the condition Ready
	Reason  string
	Message string
	After   time.Duration // since the commit
	Took    time.Duration // what Flux says of the last reconciliation
}

func (v verdict) String() string {
	return fmt.Sprintf("%s %s after %.1fs: %s", v.Status, v.Reason, v.After.Seconds(), v.Message)
}

// verdict waits until Flux is through with the newest commit, and says how that ended.
func (s *stage) verdict(name string) (v verdict) {
	s.t.Helper()
	s.eventually("Flux is through with "+name, func() bool {
		u := s.getKustomization(name)
		attempted, _, _ := unstructured.NestedString(u.Object, "status", "lastAttemptedRevision")
		v = s.ready(u)
		return attempted == s.revision && (v.Status == "True" || v.Status == "False")
	})
	v.After = time.Since(s.committed)
	return v
}

// becomes waits for a verdict of which the retries are not the last.
func (s *stage) becomes(name, status string) (v verdict) {
	s.t.Helper()
	s.eventually(name+" becomes Ready "+status, func() bool {
		v = s.verdict(name)
		return v.Status == status
	})
	return v
}

// reconcile has Flux look at a Kustomization again, and waits until it did.
func (s *stage) reconcile(name string) verdict {
	s.t.Helper()
	token := time.Now().Format(time.RFC3339Nano)
	u := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
	u.SetNamespace(s.fluxNamespace)
	u.SetName(name)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":%q}}}`, token)
	s.committed = time.Now()
	s.must(s.kube.Patch(s.t.Context(), u, client.RawPatch("application/merge-patch+json", []byte(patch))))
	var v verdict
	s.eventually("Flux looks at "+name+" again", func() bool {
		u := s.getKustomization(name)
		handled, _, _ := unstructured.NestedString(u.Object, "status", "lastHandledReconcileAt")
		v = s.ready(u)
		return handled == token && (v.Status == "True" || v.Status == "False")
	})
	v.After = time.Since(s.committed)
	return v
}

func (s *stage) getKustomization(name string) *unstructured.Unstructured {
	s.t.Helper()
	u := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
	s.must(s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: s.fluxNamespace, Name: name}, u))
	return u
}

func (s *stage) ready(u *unstructured.Unstructured) (v verdict) {
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, item := range conditions {
		condition, _ := item.(map[string]any)
		if condition["type"] == "Ready" {
			v.Status, _ = condition["status"].(string)
			v.Reason, _ = condition["reason"].(string)
			v.Message, _ = condition["message"].(string)
		}
	}
	if history, _, _ := unstructured.NestedSlice(u.Object, "status", "history"); len(history) > 0 {
		text, _ := history[0].(map[string]any)["lastReconciledDuration"].(string)
		v.Took, _ = time.ParseDuration(text)
	}
	v.Message = strings.ReplaceAll(strings.TrimSpace(v.Message), s.namespace, "finance")
	return v
}

// expressions are the health checks of config/flux, as a field of a Kustomization.
func (s *stage) expressions() string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", "flux", "together.yaml"))
	s.must(err)
	var example struct {
		Spec struct {
			HealthCheckExprs any `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	s.must(yaml.Unmarshal(text, &example))
	field, err := yaml.Marshal(map[string]any{"healthCheckExprs": example.Spec.HealthCheckExprs})
	s.must(err)
	return string(field)
}
