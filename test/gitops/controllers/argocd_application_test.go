//go:build gitops

package controllers

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
)

// push commits files to a Git repository of the stage's own, and has the stage's Applications
// look at it.
func (s *stage) push(files map[string]string) {
	s.T.Helper()
	if s.repository == "" {
		s.repository = s.T.TempDir()
		s.git("init", "--quiet", "--initial-branch=main")
	}
	s.git("rm", "-r", "--quiet", "--ignore-unmatch", ".")
	for name, text := range files {
		path := filepath.Join(s.repository, name)
		s.Must(os.MkdirAll(filepath.Dir(path), 0o755))
		s.Must(os.WriteFile(path, []byte(s.fill(text)), 0o644))
	}
	s.git("add", ".")
	s.git("commit", "--quiet", "--allow-empty", "--message=test")
	s.revision = s.git("rev-parse", "HEAD")
	for _, name := range s.applications {
		s.refresh(name, "normal")
	}
}

func (s *stage) git(args ...string) string {
	s.T.Helper()
	args = append([]string{"-C", s.repository, "-c", "user.name=test", "-c", "user.email=test@example.com"}, args...)
	out, err := exec.CommandContext(s.T.Context(), "git", args...).CombinedOutput()
	if err != nil {
		s.T.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// application declares one of the folder of that name. The spec is its syncPolicy, or more, and
// compareOptions, which are an annotation.
func (s *stage) application(name, spec string) {
	s.T.Helper()
	full := map[string]any{
		"project":     "default",
		"source":      map[string]any{"repoURL": "file://" + s.repository, "targetRevision": "main", "path": name},
		"destination": map[string]any{"server": "https://kubernetes.default.svc", "namespace": s.Namespace},
	}
	differences := map[string]any{}
	s.Must(yaml.UnmarshalStrict([]byte(spec), &differences))
	maps.Copy(full, differences)
	u := s.newApplication(name)
	if options, found := full["compareOptions"].(string); found {
		u.SetAnnotations(map[string]string{"argocd.argoproj.io/compare-options": options})
		delete(full, "compareOptions")
	}
	u.Object["spec"] = full
	s.applyObject(u)
	s.applications = append(s.applications, name)
}

func (s *stage) newApplication(name string) *unstructured.Unstructured {
	u := object("argoproj.io/v1alpha1", "Application")
	u.SetNamespace(argoNamespace)
	u.SetName(s.prefix + name)
	return u
}

func (s *stage) getApplication(name string) *unstructured.Unstructured {
	s.T.Helper()
	u := s.newApplication(name)
	s.Must(s.kube.Get(s.T.Context(), client.ObjectKeyFromObject(u), u))
	return u
}

// refresh asks Argo CD to compare an Application with Git and the cluster, normally or hard.
func (s *stage) refresh(name, how string) {
	s.T.Helper()
	s.mergePatch(s.newApplication(name), fmt.Sprintf(`{"metadata":{"annotations":{"argocd.argoproj.io/refresh":%q}}}`, how))
}

// compare has Argo CD compare an Application, and waits until it did. Argo CD overlooks a request
// that comes while it writes the Application, so another is made after some seconds.
func (s *stage) compare(name string) {
	s.T.Helper()
	var asked time.Time
	attempts := 0
	s.until("Argo CD compares "+name, func() bool {
		if attempts > 0 && s.getApplication(name).GetAnnotations()["argocd.argoproj.io/refresh"] == "" {
			return true
		}
		if time.Since(asked) > 10*time.Second {
			s.refresh(name, []string{"normal", "hard"}[attempts%2])
			asked = time.Now()
			attempts++
		}
		return false
	})
}

// appVerdict is what Argo CD says of an Application.
type appVerdict struct {
	Phase   string // of the operation
	Sync    string
	Health  string
	Message string // of the operation, of sessions' health, and of conditions
}

func (v appVerdict) good() bool {
	return v.Phase == "Succeeded" && v.Sync == "Synced" && v.Health == "Healthy"
}

// synced waits until Argo CD has synced the newest commit, or failed to.
func (s *stage) synced(name string) appVerdict {
	s.T.Helper()
	return s.appReaches(name, func(u *unstructured.Unstructured, v appVerdict) bool {
		return statusOf(u, "operationState", "operation", "sync", "revision") == s.revision && v.Phase != "Running"
	})
}

// appBecomes waits for a state of an Application.
func (s *stage) appBecomes(name string, reached func(appVerdict) bool) appVerdict {
	s.T.Helper()
	return s.appReaches(name, func(_ *unstructured.Unstructured, v appVerdict) bool { return reached(v) })
}

func (s *stage) appReaches(name string, reached func(*unstructured.Unstructured, appVerdict) bool) (v appVerdict) {
	s.T.Helper()
	s.eventually("Application "+name, func() string {
		u := s.getApplication(name)
		v = s.readVerdict(u)
		return env.Unless(reached(u, v), fmt.Sprintf("%+v", v))
	})
	return v
}

func statusOf(u *unstructured.Unstructured, path ...string) string {
	text, _, _ := unstructured.NestedString(u.Object, append([]string{"status"}, path...)...)
	return text
}

func (s *stage) readVerdict(u *unstructured.Unstructured) appVerdict {
	v := appVerdict{
		Phase: statusOf(u, "operationState", "phase"), Sync: statusOf(u, "sync", "status"), Health: statusOf(u, "health", "status"),
	}
	messages := []string{statusOf(u, "operationState", "message")}
	for _, list := range [][]string{{"resources"}, {"operationState", "syncResult", "resources"}, {"conditions"}} {
		items, _, _ := unstructured.NestedSlice(u.Object, append([]string{"status"}, list...)...)
		for _, item := range items {
			item, _ := item.(map[string]any)
			health, _, _ := unstructured.NestedString(item, "health", "message")
			message, _ := item["message"].(string)
			messages = append(messages, health, message)
		}
	}
	v.Message = strings.Join(slices.DeleteFunc(messages, func(m string) bool { return m == "" }), "; ")
	return v
}

// staysSynced has Argo CD compare an Application some times, and fails if anything differs, is
// synced again or costs a request.
func (s *stage) staysSynced(name string, times int) {
	s.T.Helper()
	requests, operation := s.requests(), s.operation(name)
	for range times {
		s.compare(name)
		if v := s.readVerdict(s.getApplication(name)); !v.good() {
			s.T.Errorf("Argo CD says: %+v", v)
		}
	}
	if s.operation(name) != operation || s.requests() != requests {
		s.T.Errorf("Argo CD synced again at %s, or %d requests", s.operation(name), s.requests()-requests)
	}
}

// operation is when the last operation began.
func (s *stage) operation(name string) string {
	s.T.Helper()
	return statusOf(s.getApplication(name), "operationState", "startedAt")
}

// logApplications shows what Argo CD says after a test has failed.
func (s *stage) logApplications(ctx context.Context) {
	for _, name := range s.applications {
		u := s.newApplication(name)
		_ = s.kube.Get(ctx, client.ObjectKeyFromObject(u), u)
		s.T.Logf("%s: %+v\n%v", name, s.readVerdict(u), u.Object["status"])
	}
}
