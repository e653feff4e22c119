//go:build gitops

package controllers

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

// stage is a namespace of a site, with a repository and a group's API key of its own.
type stage struct {
	*env.Stage
	*site

	revision      string // of the newest commit
	fluxNamespace string // of its Kustomizations

	repository   string   // that Argo CD reads
	prefix       string   // of the names of its Applications
	applications []string // of Argo CD
}

func newStage(t *testing.T, at *site) *stage {
	t.Helper()
	name := fmt.Sprintf("stage-%08x", rand.Uint32())
	s := at.stage(t, name, "key-of-"+name)
	s.fluxNamespace, s.prefix = name, name+"-"
	s.createNamespace(name)
	return s
}

// stage is one in a namespace that need not be there yet.
func (s *site) stage(t *testing.T, namespace, key string) *stage {
	t.Helper()
	s.endpoint.AddKeys(key)
	on := &stage{site: s, Stage: &env.Stage{
		T: t, Cluster: s.cluster, Client: s.kube, Standin: s.endpoint, URL: s.url, Namespace: namespace, Key: key,
	}}
	t.Cleanup(on.clear)
	return on
}

// clear deletes what would go on working after the test.
func (s *stage) clear() {
	ctx := context.Background()
	if s.T.Failed() {
		var sessions v1alpha1.BillingSessionList
		_ = s.kube.List(ctx, &sessions, client.InNamespace(s.Namespace))
		for _, session := range sessions.Items {
			s.T.Logf("session %s: %+v; %+v", session.Name, session.Spec, session.Status.Conditions)
		}
		s.logApplications(ctx)
	}
	for _, name := range s.applications {
		_ = s.kube.Delete(ctx, s.newApplication(name))
	}
	for _, kind := range []client.Object{object("kustomize.toolkit.fluxcd.io/v1", "Kustomization"), &v1alpha1.BillingSession{}} {
		_ = s.kube.DeleteAllOf(ctx, kind, client.InNamespace(s.Namespace))
	}
}

// patience is how long a stage waits. Argo CD takes two minutes to give up a sync.
const patience = 5 * time.Minute

// eventually waits until the condition names no problem any more. Dozens of stages wait at once, so
// each looks less often than tests do elsewhere.
func (s *stage) eventually(what string, condition func() (problem string)) {
	s.T.Helper()
	env.EventuallyWithin(s.T, patience, what, func() string {
		time.Sleep(200 * time.Millisecond) // the pace of looking
		return condition()
	})
}

// until is eventually for what has nothing to say as long as it does not hold.
func (s *stage) until(what string, holds func() bool) {
	s.T.Helper()
	s.eventually(what, func() string { return env.Unless(holds(), "not yet") })
}

func object(apiVersion, kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetAPIVersion(apiVersion)
	u.SetKind(kind)
	return u
}

func (s *stage) createNamespace(name string) {
	s.T.Helper()
	s.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// fill puts the stage's namespace and key into a text.
func (s *stage) fill(text string) string {
	return strings.NewReplacer("$NAMESPACE", s.Namespace, "$KEY", s.Key).Replace(text)
}

// apply applies YAML as a person does.
func (s *stage) apply(text string) {
	s.T.Helper()
	u := &unstructured.Unstructured{}
	s.Must(yaml.UnmarshalStrict([]byte(s.fill(text)), &u.Object))
	s.applyObject(u)
}

func (s *stage) applyObject(u *unstructured.Unstructured) {
	s.T.Helper()
	s.Must(s.kube.Apply(s.T.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("somebody"), client.ForceOwnership))
}

func (s *stage) mergePatch(object client.Object, patch string) {
	s.T.Helper()
	s.Must(s.kube.Patch(s.T.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch))))
}

func (s *stage) requests() int { return s.endpoint.Requests(s.Key) }

// hold makes the endpoint unavailable to the stage's key.
func (s *stage) hold() (release func()) {
	s.endpoint.MisbehaveFor(s.Key, standin.Status(503))
	return func() { s.endpoint.MisbehaveFor(s.Key) }
}

// isThere reports whether an object of the stage's namespace is there, and reads it.
func (s *stage) isThere(name string, into client.Object) bool {
	s.T.Helper()
	err := s.kube.Get(s.T.Context(), s.At(name), into)
	if !apierrors.IsNotFound(err) {
		s.Must(err)
	}
	return err == nil
}

// works waits until a session has a URL for what is declared, and its Secret has it.
func (s *stage) works(name string) {
	s.T.Helper()
	s.eventually("session "+name+" works", func() string {
		var session v1alpha1.BillingSession
		if !s.isThere(name, &session) {
			return "it is not there"
		}
		status := session.Status
		ready := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) && status.ObservedGeneration == session.Generation
		return env.Unless(ready && status.URL != "" && s.URLIn(status.SecretName) == status.URL, fmt.Sprintf("%+v", status.Conditions))
	})
}

// gone waits until a session is no more, nor the Secret of its name.
func (s *stage) gone(name string) {
	s.T.Helper()
	s.until("session "+name+" and its Secret are gone", func() bool {
		return !s.isThere(name, &v1alpha1.BillingSession{}) && s.URLIn(name) == ""
	})
}

// expectUntouched holds that a session has the URL that it had, and that this cost no request.
func (s *stage) expectUntouched(name, url string) {
	s.T.Helper()
	if s.URLIn(name) != url || s.requests() != 1 {
		s.T.Errorf("the URL of %s is another one, or %d requests", name, s.requests())
	}
}

// billing runs kubectl-billing in the stage's namespace.
func (s *stage) billing(args ...string) {
	s.T.Helper()
	args = append(args, "--namespace", s.Namespace, "--kubeconfig", s.cluster.KubeconfigPath())
	if out, err := exec.CommandContext(s.T.Context(), env.Program(s.T, "kubectl-billing"), args...).CombinedOutput(); err != nil {
		s.T.Fatalf("kubectl billing %v: %v\n%s", args, err, out)
	}
}
