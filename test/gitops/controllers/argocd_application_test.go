package controllers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		s.refresh(name)
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

// application declares one of the folder of that name. The spec is its syncPolicy, or more.
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
	s.must(kube.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("somebody"), client.ForceOwnership))
	s.applications = append(s.applications, name)
}

func (s *stage) newApplication(name string) *unstructured.Unstructured {
	u := object("argoproj.io/v1alpha1", "Application")
	u.SetNamespace(argoNamespace)
	u.SetName(s.namespace + "-" + name)
	return u
}

func (s *stage) refresh(name string) {
	s.t.Helper()
	patch := `{"metadata":{"annotations":{"argocd.argoproj.io/refresh":"normal"}}}`
	s.must(kube.Patch(s.t.Context(), s.newApplication(name), client.RawPatch("application/merge-patch+json", []byte(patch))))
}

// appVerdict is what Argo CD says of an Application.
type appVerdict struct {
	Phase   string // of the operation
	Sync    string
	Health  string
	Message string // of the operation and of the session's health
	Took    time.Duration
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
	return v
}

// appBecomes waits for a state of an Application.
func (s *stage) appBecomes(name, what string, reached func(appVerdict) bool) (v appVerdict) {
	s.t.Helper()
	began := time.Now()
	s.eventually(name+" becomes "+what, func() bool {
		v = s.appReads(s.getApplication(name))
		return reached(v)
	})
	if v.Took == 0 {
		v.Took = time.Since(began)
	}
	return v
}

func (s *stage) getApplication(name string) *unstructured.Unstructured {
	s.t.Helper()
	u := s.newApplication(name)
	s.must(kube.Get(s.t.Context(), client.ObjectKeyFromObject(u), u))
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
	started, err1 := time.Parse(time.RFC3339, read("operationState", "startedAt"))
	finished, err2 := time.Parse(time.RFC3339, read("operationState", "finishedAt"))
	if err1 == nil && err2 == nil {
		v.Took = finished.Sub(started)
	}
	return v
}
