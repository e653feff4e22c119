package controllers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// push commits files to a Git repository of the stage's own, and has the stage's Applications
// look at it.
func (s *stage) push(files map[string]string) {
	s.t.Helper()
	if s.repository == "" {
		s.repository = s.t.TempDir()
		s.git("init", "--quiet", "--initial-branch=main")
	}
	s.git("rm", "-r", "--quiet", "--ignore-unmatch", ".")
	for name, text := range files {
		path := filepath.Join(s.repository, name)
		s.must(os.MkdirAll(filepath.Dir(path), 0o755))
		s.must(os.WriteFile(path, []byte(s.fill(text)), 0o644))
	}
	s.git("add", ".")
	s.git("commit", "--quiet", "--allow-empty", "--message=test")
	s.revision, s.committed = s.git("rev-parse", "HEAD"), time.Now()
	for _, name := range s.applications {
		s.refresh(name, "normal")
	}
}

func (s *stage) git(args ...string) string {
	s.t.Helper()
	args = append([]string{"-C", s.repository, "-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)
	out, err := exec.CommandContext(s.t.Context(), "git", args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// application declares one of the folder of that name. The spec is its syncPolicy, or more, and
// compareOptions, which are an annotation.
func (s *stage) application(name, spec string) {
	s.t.Helper()
	full := map[string]any{
		"project":     "default",
		"source":      map[string]any{"repoURL": "file://" + s.repository, "targetRevision": "main", "path": name},
		"destination": map[string]any{"server": "https://kubernetes.default.svc", "namespace": s.namespace},
	}
	differences := map[string]any{}
	s.must(yaml.UnmarshalStrict([]byte(s.fill(spec)), &differences))
	for field, value := range differences {
		full[field] = value
	}
	u := s.newApplication(name)
	u.Object["spec"] = full
	if options, found := full["compareOptions"].(string); found {
		u.SetAnnotations(map[string]string{"argocd.argoproj.io/compare-options": options})
		delete(full, "compareOptions")
	}
	s.must(s.kube.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("somebody"), client.ForceOwnership))
	if !slices.Contains(s.applications, name) {
		s.applications = append(s.applications, name)
	}
}

func (s *stage) newApplication(name string) *unstructured.Unstructured {
	u := object("argoproj.io/v1alpha1", "Application")
	u.SetNamespace(argoNamespace)
	u.SetName(s.prefix + name)
	return u
}

// refresh asks Argo CD to compare an Application with Git and the cluster, normally or hard.
func (s *stage) refresh(name, how string) {
	s.t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"argocd.argoproj.io/refresh":%q}}}`, how)
	s.must(s.kube.Patch(s.t.Context(), s.newApplication(name), client.RawPatch("application/merge-patch+json", []byte(patch))))
}

// compare has Argo CD compare an Application, and waits until it did. Argo CD overlooks a request
// that comes while it writes the Application, so another is made after some seconds.
func (s *stage) compare(name string) {
	s.t.Helper()
	for attempt := range 10 {
		s.refresh(name, []string{"normal", "hard"}[attempt%2])
		for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if _, asked := s.getApplication(name).GetAnnotations()["argocd.argoproj.io/refresh"]; !asked {
				return
			}
		}
	}
	s.t.Fatalf("Argo CD does not compare %s", name)
}

// appVerdict is what Argo CD says of an Application.
type appVerdict struct {
	Phase   string // of the operation
	Sync    string
	Health  string
	Message string        // of the operation and of the session's health
	Took    time.Duration // since the commit
}

func (v appVerdict) String() string {
	return fmt.Sprintf("%s, %s, %s after %.1fs: %s", v.Phase, v.Sync, v.Health, v.Took.Seconds(), v.Message)
}

func (v appVerdict) good() bool {
	return v.Phase == "Succeeded" && v.Sync == "Synced" && v.Health == "Healthy"
}

// appVerdict waits until Argo CD has synced the newest commit, or failed to.
func (s *stage) appVerdict(name string) (v appVerdict) {
	s.t.Helper()
	s.eventually("Argo CD has synced "+name, func() bool {
		u := s.getApplication(name)
		v = s.appReads(u)
		revision, _, _ := unstructured.NestedString(u.Object, "status", "operationState", "operation", "sync", "revision")
		return revision == s.revision && v.Phase != "Running"
	})
	v.Took = time.Since(s.committed)
	return v
}

// appBecomes waits for a state of an Application.
func (s *stage) appBecomes(name, what string, reached func(appVerdict) bool) (v appVerdict) {
	s.t.Helper()
	s.eventually(name+" becomes "+what, func() bool {
		v = s.appReads(s.getApplication(name))
		return reached(v)
	})
	v.Took = time.Since(s.committed)
	return v
}

func (s *stage) getApplication(name string) *unstructured.Unstructured {
	s.t.Helper()
	u := s.newApplication(name)
	s.must(s.kube.Get(s.t.Context(), client.ObjectKeyFromObject(u), u))
	return u
}

func (s *stage) appReads(u *unstructured.Unstructured) (v appVerdict) {
	read := func(path ...string) string {
		text, _, _ := unstructured.NestedString(u.Object, append([]string{"status"}, path...)...)
		return text
	}
	v = appVerdict{Phase: read("operationState", "phase"), Sync: read("sync", "status"), Health: read("health", "status")}
	messages := []string{read("operationState", "message")}
	resources, _, _ := unstructured.NestedSlice(u.Object, "status", "resources")
	for _, item := range resources {
		resource := item.(map[string]any)
		if message, _, _ := unstructured.NestedString(resource, "health", "message"); resource["kind"] == "BillingSession" && message != "" {
			messages = append(messages, fmt.Sprintf("%v: %s", resource["name"], message))
		}
	}
	conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, item := range conditions {
		messages = append(messages, fmt.Sprint(item.(map[string]any)["message"]))
	}
	v.Message = strings.ReplaceAll(strings.Join(messages, "; "), s.namespace, "finance")
	return v
}

// operation is when the last operation began.
func (s *stage) operation(name string) string {
	s.t.Helper()
	text, _, _ := unstructured.NestedString(s.getApplication(name).Object, "status", "operationState", "startedAt")
	return text
}

// retries counts how often the last operation was begun again.
func (s *stage) retries(name string) int64 {
	s.t.Helper()
	count, _, _ := unstructured.NestedInt64(s.getApplication(name).Object, "status", "operationState", "retryCount")
	return count
}

// resultOf is what the last operation says of one session.
func (s *stage) resultOf(name, session string) string {
	s.t.Helper()
	results, _, _ := unstructured.NestedSlice(s.getApplication(name).Object, "status", "operationState", "syncResult", "resources")
	for _, item := range results {
		if result := item.(map[string]any); result["name"] == session {
			return strings.ReplaceAll(fmt.Sprint(result["message"]), s.namespace, "finance")
		}
	}
	return ""
}

// logApplications shows what Argo CD says after a test has failed.
func (s *stage) logApplications(ctx context.Context) {
	for _, name := range s.applications {
		u := s.newApplication(name)
		_ = s.kube.Get(ctx, client.ObjectKeyFromObject(u), u)
		text, _ := yaml.Marshal(u.Object["status"])
		s.t.Logf("%s: %s\n%s", name, s.appReads(u), text)
	}
	if len(s.applications) == 0 {
		return
	}
	running, err := s.argoCD()
	if err != nil {
		return
	}
	s.logLines(running.controller)
}
