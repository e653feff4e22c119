package controllers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// unwatched is a label of sessions that the operator leaves alone.
const unwatched = "example.com/unwatched"

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	_ = clientgoscheme.AddToScheme(s)
	_ = v1alpha1.AddToScheme(s)
	return s
}

// stage is a namespace with a repository and a group's API key of its own.
type stage struct {
	*site
	t         *testing.T
	namespace string
	key       string
	revision  string
	committed time.Time

	fluxNamespace string // of its Kustomizations

	repository   string   // that Argo CD reads
	prefix       string   // of the names of its Applications
	applications []string // of Argo CD
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{site: shared, t: t, namespace: fmt.Sprintf("stage-%08x", rand.Uint32())}
	s.key, s.fluxNamespace, s.prefix = "key-of-"+s.namespace, s.namespace, s.namespace+"-"
	s.endpoint.AddKeys(s.key)
	s.must(s.kube.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}}))
	t.Cleanup(s.clear)
	return s
}

// clear deletes what would go on working after the test.
func (s *stage) clear() {
	ctx := context.Background()
	if s.t.Failed() {
		var sessions v1alpha1.BillingSessionList
		_ = s.kube.List(ctx, &sessions, client.InNamespace(s.namespace))
		for _, session := range sessions.Items {
			s.t.Logf("session %s: %+v; %+v", session.Name, session.Spec, session.Status.Conditions)
		}
		s.logApplications(ctx)
		if s.flux != nil {
			s.logLines(s.flux)
		}
	}
	for _, name := range s.applications {
		_ = s.kube.Delete(ctx, s.newApplication(name))
	}
	for _, object := range []client.Object{object("kustomize.toolkit.fluxcd.io/v1", "Kustomization"), &v1alpha1.BillingSession{}} {
		_ = s.kube.DeleteAllOf(ctx, object, client.InNamespace(s.namespace))
	}
}

// logLines shows what a controller said of the stage.
func (s *stage) logLines(c *controller) {
	for line := range strings.Lines(c.log.String()) {
		if s.site != shared || strings.Contains(line, s.namespace) {
			s.t.Log(line)
		}
	}
}

func object(apiVersion, kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	return u
}

// commit publishes files as the newest commit of the repository "finance". $NAMESPACE and $KEY in
// them are the stage's.
func (s *stage) commit(files map[string]string) {
	s.t.Helper()
	s.commitTo("finance", files)
}

// commitTo is commit for a repository of another name.
func (s *stage) commitTo(name string, files map[string]string) {
	s.t.Helper()
	filled := map[string]string{}
	for name, text := range files {
		filled[name] = s.fill(text)
	}
	commit, err := s.artifacts.publish(s.fluxNamespace+"/"+name, filled)
	s.must(err)
	repository := object("source.toolkit.fluxcd.io/v1", "GitRepository")
	repository.SetNamespace(s.fluxNamespace)
	repository.SetName(name)
	repository.Object["spec"] = map[string]any{"url": "https://git.example.com/" + name + ".git", "interval": "1h"}
	if err := s.kube.Create(s.t.Context(), repository); err != nil && !apierrors.IsAlreadyExists(err) {
		s.t.Fatal(err)
	}
	now := time.Now().UTC().Format(time.RFC3339)
	repository.Object["status"] = map[string]any{
		"observedGeneration": int64(1),
		"artifact": map[string]any{
			"url": commit.url, "path": commit.path, "digest": commit.digest, "revision": commit.revision,
			"size": int64(commit.size), "lastUpdateTime": now,
		},
		"conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact",
			"lastTransitionTime": now, "observedGeneration": int64(1),
		}},
	}
	s.revision, s.committed = commit.revision, time.Now()
	s.must(s.kube.Status().Patch(s.t.Context(), repository, client.Merge))
}

func (s *stage) fill(text string) string {
	return strings.NewReplacer("$NAMESPACE", s.namespace, "$KEY", s.key).Replace(text)
}

// apply applies YAML as a person does who is not Flux.
func (s *stage) apply(text string) {
	s.t.Helper()
	for document := range strings.SplitSeq(s.fill(text), "\n---\n") {
		u := &unstructured.Unstructured{}
		s.must(yaml.UnmarshalStrict([]byte(document), &u.Object))
		u.SetNamespace(s.namespace)
		s.must(s.kube.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("somebody"), client.ForceOwnership))
	}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// session is the session of that name, or nil.
func (s *stage) session(name string) *v1alpha1.BillingSession {
	s.t.Helper()
	var session v1alpha1.BillingSession
	err := s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, &session)
	if apierrors.IsNotFound(err) {
		return nil
	}
	s.must(err)
	return &session
}

// url is what a generated Secret holds; it is empty without the Secret.
func (s *stage) url(secret string) string {
	s.t.Helper()
	var found corev1.Secret
	err := s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: secret}, &found)
	if !apierrors.IsNotFound(err) {
		s.must(err)
	}
	return string(found.Data["url"])
}

func (s *stage) requests() int { return s.endpoint.Requests(s.key) }

func (s *stage) eventually(what string, condition func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
