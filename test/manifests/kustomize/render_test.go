package kustomize

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

const root = "../../.."

// manifest is what kustomize makes of a folder, in the order of its output.
type manifest []*unstructured.Unstructured

// render runs the pinned kustomize on a folder of config/.
func render(folder string) (manifest, error) {
	path, err := filepath.Abs(filepath.Join(root, "config", folder))
	if err != nil {
		return nil, err
	}
	return build(path)
}

// build runs the pinned kustomize on any folder.
func build(path string) (manifest, error) {
	var complaints bytes.Buffer
	kustomize := exec.Command("go", "tool", "kustomize", "build", path)
	kustomize.Dir = filepath.Join(root, "hack", "tools")
	kustomize.Stderr = &complaints
	output, err := kustomize.Output()
	if err != nil {
		return nil, fmt.Errorf("kustomize build %s: %w\n%s", path, err, complaints.String())
	}
	return manifests.Parse(bytes.NewReader(output))
}

func rendered(t *testing.T, folder string) manifest {
	t.Helper()
	objects, err := render(folder)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// find puts the object of that kind and name into a typed one.
func find[T any](t *testing.T, objects manifest, kind, name string) T {
	t.Helper()
	var typed T
	for _, object := range objects {
		if object.GetKind() == kind && object.GetName() == name {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &typed, true); err != nil {
				t.Fatalf("%s %s: %v", kind, name, err)
			}
			return typed
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return typed
}

// all returns the objects of a kind, typed.
func all[T any](t *testing.T, objects manifest, kind string) (found []T) {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() == kind {
			found = append(found, find[T](t, objects, kind, object.GetName()))
		}
	}
	return found
}
