//go:build gitops

package controllers

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// kustomization declares one that applies everything in the folder of its name. The interval is so
// long that a test which wants another reconciliation has to ask for it.
func (s *stage) kustomization(name, spec string) {
	s.T.Helper()
	u := s.newKustomization(name)
	fields := map[string]any{
		"interval": "1h", "retryInterval": "2s", "timeout": "1m", "wait": true, "prune": true, "path": "./" + name,
		"sourceRef": map[string]any{"kind": "GitRepository", "name": "finance"},
	}
	differences := map[string]any{}
	s.Must(yaml.UnmarshalStrict([]byte(spec), &differences))
	maps.Copy(fields, differences)
	u.Object["spec"] = fields
	s.applyObject(u)
}

func (s *stage) newKustomization(name string) *unstructured.Unstructured {
	u := object("kustomize.toolkit.fluxcd.io/v1", "Kustomization")
	u.SetNamespace(s.fluxNamespace)
	u.SetName(name)
	return u
}

func (s *stage) getKustomization(name string) *unstructured.Unstructured {
	s.T.Helper()
	u := s.newKustomization(name)
	s.Must(s.kube.Get(s.T.Context(), client.ObjectKeyFromObject(u), u))
	return u
}

// verdict is what Flux says of a Kustomization: a condition.
type verdict struct{ Status, Reason, Message string }

func conditionOf(kustomization *unstructured.Unstructured, kind string) (v verdict) {
	conditions, _, _ := unstructured.NestedSlice(kustomization.Object, "status", "conditions")
	for _, item := range conditions {
		if condition, _ := item.(map[string]any); condition["type"] == kind {
			v = verdict{fmt.Sprint(condition["status"]), fmt.Sprint(condition["reason"]), fmt.Sprint(condition["message"])}
		}
	}
	return v
}

// says waits for a verdict for which a field of the Kustomization's status has that value.
func (s *stage) says(name, field, value string) (v verdict) {
	s.T.Helper()
	s.eventually("Flux is through with "+name, func() string {
		u := s.getKustomization(name)
		got, _, _ := unstructured.NestedString(u.Object, "status", field)
		if v = conditionOf(u, "Ready"); got == value && (v.Status == "True" || v.Status == "False") {
			return ""
		}
		return fmt.Sprintf("%+v", v)
	})
	return v
}

// verdict waits until Flux is through with the newest commit, and returns how that ended.
func (s *stage) verdict(name string) verdict {
	s.T.Helper()
	return s.says(name, "lastAttemptedRevision", s.revision)
}

// succeeds waits until the newest commit is applied, be it by a retry.
func (s *stage) succeeds(name string) {
	s.T.Helper()
	s.eventually("Flux has applied "+name, func() string {
		if v := s.verdict(name); v.Status != "True" {
			return fmt.Sprintf("%+v", v)
		}
		return ""
	})
}

// reconcile has Flux look at a Kustomization again, and waits until it did.
func (s *stage) reconcile(name string) verdict {
	s.T.Helper()
	token := time.Now().Format(time.RFC3339Nano)
	s.mergePatch(s.newKustomization(name), fmt.Sprintf(`{"metadata":{"annotations":{"reconcile.fluxcd.io/requestedAt":%q}}}`, token))
	return s.says(name, "lastHandledReconcileAt", token)
}

// uncorrected has Flux look at a Kustomization some times, and fails if it has anything to correct.
func (s *stage) uncorrected(name string, times int) {
	s.T.Helper()
	before := len(s.corrections(name))
	for range times {
		if v := s.reconcile(name); v.Status != "True" {
			s.T.Errorf("%s: %+v", name, v)
		}
	}
	seen := s.corrections(name)[before:]
	if len(seen) < times {
		s.T.Errorf("Flux applied %d times, want %d", len(seen), times)
	}
	for _, objects := range seen {
		for object, action := range objects {
			if action != "unchanged" {
				s.T.Errorf("Flux did to %s: %s", object, action)
			}
		}
	}
}

// corrections are what Flux said that it did to each object of a Kustomization, one map for
// each time that it applied all of them: "BillingSession/ns/name": "unchanged".
func (s *stage) corrections(name string) (found []map[string]string) {
	for line := range strings.Lines(s.flux.Out.String()) {
		var entry struct {
			Message   string            `json:"msg"`
			Namespace string            `json:"namespace"`
			Name      string            `json:"name"`
			Output    map[string]string `json:"output"`
		}
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Message == "server-side apply completed" &&
			entry.Namespace == s.fluxNamespace && entry.Name == name {
			found = append(found, entry.Output)
		}
	}
	return found
}
