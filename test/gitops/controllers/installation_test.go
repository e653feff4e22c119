package controllers

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// newInstallation is a stage with a cluster of its own, which does not know the operator yet. The
// names are those of the examples in config.
func newInstallation(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, namespace: "finance", key: "replace-me", fluxNamespace: "flux-system"}
	var err error
	s.site, err = startSite(t.Context(), built.crds)
	s.must(err)
	t.Cleanup(s.stop)
	s.endpoint.AddKeys(s.key)
	s.must(s.kube.Create(t.Context(), namespaceObject(s.fluxNamespace)))
	go s.runDeployments(t.Context())
	t.Cleanup(s.clear)
	return s
}

// operatorName is that of the operator's Deployment, and of what declares it in the examples.
const (
	operatorName    = "billing-operator"
	systemNamespace = operatorName + "-system"
)

func namespaceObject(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// repositoryFiles are the files of a folder of this repository.
func repositoryFiles(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(root), folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// example is an object of a file in config.
func example(t *testing.T, path, kind, name string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", path))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifests.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name })
	if i < 0 {
		t.Fatalf("%s has no %s %s", path, kind, name)
	}
	return objects[i]
}

// declare applies an example with other values of some fields of its spec.
func (s *stage) declare(u *unstructured.Unstructured, differences string) {
	s.t.Helper()
	fields := map[string]any{}
	s.must(yaml.UnmarshalStrict([]byte(s.fill(differences)), &fields))
	maps.Copy(u.Object["spec"].(map[string]any), fields)
	s.must(s.kube.Apply(s.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("somebody"), client.ForceOwnership))
}

// chart is what Helm makes of the chart with the values of the example for Flux.
func chart(t *testing.T) string {
	t.Helper()
	values, _, err := unstructured.NestedMap(example(t, "flux/operator/helm.yaml", "HelmRelease", operatorName).Object, "spec", "values")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	helm := exec.CommandContext(t.Context(), filepath.Join(tools, "helm"), "template", operatorName,
		filepath.Join(root, "config", "chart"), "--namespace", systemNamespace, "--values", "-")
	helm.Stdin = bytes.NewReader(text)
	rendered, err := helm.Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(rendered)
}

// identity is what a change from one way of installation to another leaves alone.
type identity struct {
	Deployment, Definition, Namespace types.UID
	Selector                          string
	URLs                              map[string]string // by generated Secret
	Requests                          int
}

func (s *stage) identity() identity {
	s.t.Helper()
	var deployment appsv1.Deployment
	s.must(s.kube.Get(s.t.Context(), client.ObjectKey{Namespace: systemNamespace, Name: operatorName}, &deployment))
	definition := object("apiextensions.k8s.io/v1", "CustomResourceDefinition")
	s.must(s.kube.Get(s.t.Context(), client.ObjectKey{Name: "billingsessions.billing.xtracta.com"}, definition))
	var namespace corev1.Namespace
	s.must(s.kube.Get(s.t.Context(), client.ObjectKey{Name: systemNamespace}, &namespace))
	for _, deleted := range []*metav1.Time{deployment.DeletionTimestamp, definition.GetDeletionTimestamp(), namespace.DeletionTimestamp} {
		if deleted != nil {
			s.t.Errorf("something is being deleted: Deployment %v, definition %v, Namespace %v",
				deployment.DeletionTimestamp, definition.GetDeletionTimestamp(), namespace.DeletionTimestamp)
		}
	}
	return identity{
		Deployment: deployment.UID, Definition: definition.GetUID(), Namespace: namespace.UID,
		Selector: metav1.FormatLabelSelector(deployment.Spec.Selector),
		URLs:     map[string]string{"acme": s.url("acme"), "globex-billing": s.url("globex-billing")},
		Requests: s.requests(),
	}
}

// survives holds that an act leaves the operator and the definition where they are, and that each
// session stays ready with the URL that it has, without a request. The operator still works then.
func (s *stage) survives(what string, act func()) {
	s.t.Helper()
	before := s.identity()
	complaints := s.watchSessions()
	act()
	after := s.identity()
	if fmt.Sprint(after) != fmt.Sprint(before) {
		s.t.Errorf("%s: before %+v, after %+v", what, before, after)
	}
	for _, complaint := range complaints() {
		s.t.Errorf("%s: %s", what, complaint)
	}
	s.billing("renew", "acme")
	s.eventually("the operator renews a session", func() bool { return s.url("acme") != before.URLs["acme"] })
	s.works("acme")
}

// watchSessions looks at each change of the stage's sessions, until the complaints are asked for.
func (s *stage) watchSessions() (complaints func() []string) {
	s.t.Helper()
	watcher, err := s.kube.Watch(s.t.Context(), &v1alpha1.BillingSessionList{}, client.InNamespace(s.namespace))
	s.must(err)
	last := fmt.Sprint(rand.Uint64())
	result := make(chan []string, 1)
	go func() {
		var found []string
		for event := range watcher.ResultChan() {
			session, isSession := event.Object.(*v1alpha1.BillingSession)
			switch {
			case !isSession:
				found = append(found, fmt.Sprintf("the watch said %s: %v", event.Type, event.Object))
			case event.Type == watch.Deleted || !meta.IsStatusConditionTrue(session.Status.Conditions, v1alpha1.ConditionReady):
				found = append(found, fmt.Sprintf("%s was %s, with %+v", session.Name, event.Type, session.Status.Conditions))
			case session.Annotations[lastChange] == last:
				result <- found
				return
			}
		}
		result <- append(found, "the watch ended")
	}()
	return func() []string {
		s.t.Helper()
		defer watcher.Stop()
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, lastChange, last)
		u := &v1alpha1.BillingSession{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "acme"}}
		s.must(s.kube.Patch(s.t.Context(), u, client.RawPatch(types.MergePatchType, []byte(patch))))
		select {
		case found := <-result:
			return found
		case <-time.After(patience):
			return []string{"the watch is behind"}
		}
	}
}

// lastChange is an annotation by which a watch learns that it has seen all changes before it.
const lastChange = "example.com/last-change"
