// Package manifests renders what is in config/, reads it, and shows it to an API server that
// is strict.
package manifests

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"slices"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/xtracta/billing-operator/test/env"
)

// Manifest is what a tool rendered, in the order of its output.
type Manifest []*unstructured.Unstructured

// Parse returns the objects of a stream of YAML documents, in their order, without
// documents that are empty.
func Parse(documents io.Reader) (objects Manifest, err error) {
	for decoder := yaml.NewYAMLOrJSONDecoder(documents, 4096); ; {
		object := &unstructured.Unstructured{}
		switch err := decoder.Decode(&object.Object); {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		case len(object.Object) > 0:
			objects = append(objects, object)
		}
	}
}

// Kustomize is what the pinned kustomize makes of a folder, given by its absolute path.
func Kustomize(t testing.TB, folder string) Manifest {
	t.Helper()
	var complaints bytes.Buffer
	kustomize := exec.CommandContext(t.Context(), env.Tool(t, "kustomize"), "build", folder)
	kustomize.Stderr = &complaints
	output, err := kustomize.Output()
	if err != nil {
		t.Fatalf("kustomize build %s: %v\n%s", folder, err, &complaints)
	}
	objects, err := Parse(bytes.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// rendered are the folders of config/ that were rendered before. Each is rendered once.
var rendered sync.Map

// Rendered is what the pinned kustomize makes of a folder of config/. The test may change it.
func Rendered(t testing.TB, folder string) Manifest {
	t.Helper()
	objects, ok := rendered.Load(folder)
	if !ok {
		objects = Kustomize(t, env.Path("config", folder))
		rendered.Store(folder, objects)
	}
	return objects.(Manifest).DeepCopy()
}

// OfKind returns the objects of a kind; there may be none.
func (m Manifest) OfKind(kind string) Manifest {
	return slices.DeleteFunc(slices.Clone(m), func(o *unstructured.Unstructured) bool { return o.GetKind() != kind })
}

// DeepCopy copies the objects, for a test to change them.
func (m Manifest) DeepCopy() (copies Manifest) {
	for _, object := range m {
		copies = append(copies, object.DeepCopy())
	}
	return copies
}

// Find puts the object of that kind and name into a typed one.
func Find[T any](t testing.TB, objects Manifest, kind, name string) (typed T) {
	t.Helper()
	for _, object := range objects.OfKind(kind) {
		if object.GetName() == name {
			return asTyped[T](t, object)
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return typed
}

// All returns the objects of a kind, typed.
func All[T any](t testing.TB, objects Manifest, kind string) (found []T) {
	t.Helper()
	for _, object := range objects.OfKind(kind) {
		found = append(found, asTyped[T](t, object))
	}
	return found
}

// Only returns the one object of a kind, typed.
func Only[T any](t testing.TB, objects Manifest, kind string) T {
	t.Helper()
	found := All[T](t, objects, kind)
	if len(found) != 1 {
		t.Fatalf("there are %d of kind %s, want one", len(found), kind)
	}
	return found[0]
}

// asTyped refuses fields that the type does not have.
func asTyped[T any](t testing.TB, object *unstructured.Unstructured) (typed T) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &typed, true); err != nil {
		t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
	}
	return typed
}
