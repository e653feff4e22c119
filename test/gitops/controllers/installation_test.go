//go:build gitops

package controllers

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// What the examples in config call the operator, and what declares it.
const (
	operatorName    = "billing-operator"
	systemNamespace = operatorName + "-system"
)

// newInstallation is a stage with a cluster of its own, which does not know the operator yet. Its
// names are those of the examples in config.
func newInstallation(t *testing.T, definitions ...string) *stage {
	t.Helper()
	at := newSite(t, definitions...)
	s := at.stage(t, "finance", "replace-me")
	s.fluxNamespace = "flux-system"
	s.createNamespace(s.fluxNamespace)
	at.runDeployments()
	return s
}

// repositoryFiles are the files of a folder of this repository.
func repositoryFiles(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS(env.Path())
	err := fs.WalkDir(root, folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(root, path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// team are the commits of a team: its sessions and what mounts their Secrets.
func team(t *testing.T) map[string]string {
	t.Helper()
	samples := repositoryFiles(t, "config/samples")
	return map[string]string{
		"sessions/minimal.yaml": samples["config/samples/minimal.yaml"],
		"sessions/full.yaml":    samples["config/samples/full.yaml"],
		"apps/consumer.yaml":    samples["config/samples/consumer.yaml"],
	}
}

// objectsIn are those of a file in config.
func objectsIn(t *testing.T, path string) manifests.Manifest {
	t.Helper()
	text, err := os.ReadFile(env.Path("config", path))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifests.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// example is an object of a file in config.
func example(t *testing.T, path, kind, name string) *unstructured.Unstructured {
	t.Helper()
	for _, u := range objectsIn(t, path).OfKind(kind) {
		if u.GetName() == name {
			return u
		}
	}
	t.Fatalf("%s has no %s %s", path, kind, name)
	return nil
}

// declare applies an example with other values of some fields of its spec.
func (s *stage) declare(u *unstructured.Unstructured, differences map[string]any) {
	s.T.Helper()
	maps.Copy(u.Object["spec"].(map[string]any), differences) //nolint:forcetypeassert // a spec is an object
	s.applyObject(u)
}

func asYAML(t *testing.T, object any) string {
	t.Helper()
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// identity is what a change from one way of installation to another leaves alone: the operator's
// objects, each session with its URL and since when it is ready, and how many requests there were.
func (s *stage) identity() string {
	s.T.Helper()
	var deployment appsv1.Deployment
	s.Must(s.kube.Get(s.T.Context(), client.ObjectKey{Namespace: systemNamespace, Name: operatorName}, &deployment))
	definition := object("apiextensions.k8s.io/v1", "CustomResourceDefinition")
	s.Must(s.kube.Get(s.T.Context(), client.ObjectKey{Name: "billingsessions.billing.xtracta.com"}, definition))
	var namespace corev1.Namespace
	s.Must(s.kube.Get(s.T.Context(), client.ObjectKey{Name: systemNamespace}, &namespace))
	seen := fmt.Sprintln(s.requests(), metav1.FormatLabelSelector(deployment.Spec.Selector))
	for _, o := range []client.Object{&deployment, definition, &namespace} {
		seen += fmt.Sprintln(o.GetUID(), o.GetDeletionTimestamp())
	}
	var sessions v1alpha1.BillingSessionList
	s.Must(s.kube.List(s.T.Context(), &sessions, client.InNamespace(s.Namespace)))
	slices.SortFunc(sessions.Items, func(a, b v1alpha1.BillingSession) int { return strings.Compare(a.Name, b.Name) })
	for _, session := range sessions.Items {
		seen += fmt.Sprintln(session.UID, s.URLIn(session.Status.SecretName), session.Status.Conditions)
	}
	return seen
}

// survives holds that an act leaves the operator and the definition where they are, and that each
// session stays ready with the URL that it has, without a request. The operator still works then.
func (s *stage) survives(what string, act func()) {
	s.T.Helper()
	before, url := s.identity(), s.URLIn("acme")
	act()
	if after := s.identity(); after != before {
		s.T.Errorf("%s: before\n%safter\n%s", what, before, after)
	}
	s.billing("renew", "acme")
	s.until("the operator renews a session", func() bool { return s.URLIn("acme") != url })
	s.works("acme")
}
