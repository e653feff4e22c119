package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	systemNamespace = "billing-operator-system"
	operatorName    = "billing-operator" // of the Deployment and of the Helm release
)

// manifest is what kustomize renders, in the order in which it is applied.
type manifest []*unstructured.Unstructured

// overlay is config/default of a tree, with what an installer adds: the image, the
// endpoint, and the CA to trust for it.
func (e *endpoint) overlay(t *testing.T, tree, image string) manifest {
	t.Helper()
	dir := t.TempDir()
	base, err := filepath.Abs(filepath.Join(tree, "config", "default"))
	if err == nil {
		base, err = filepath.Rel(dir, base) // kustomize wants it so
	}
	repository, tag, _ := strings.Cut(image, ":")
	text := fmt.Sprintf(`
namespace: %s
resources: [%s]
images: [{name: ghcr.io/xtracta/billing-operator, newName: %s, newTag: %s}]
configMapGenerator:
- {name: endpoint-ca, files: [ca.crt]}
patches:
- target: {kind: Deployment, name: billing-operator}
  patch: |-
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: "--endpoint-url=%s"}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: "--endpoint-ca-file=/ca/ca.crt"}
    - {op: add, path: /spec/template/spec/containers/0/args/-, value: "--allowed-url-hosts=%s"}
    - {op: add, path: /spec/template/spec/containers/0/volumeMounts, value: [{name: ca, mountPath: /ca}]}
    - {op: add, path: /spec/template/spec/volumes, value: [{name: ca, configMap: {name: endpoint-ca}}]}
`, systemNamespace, base, repository, tag, e.url, allowedHost)
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o600),
		os.WriteFile(filepath.Join(dir, "ca.crt"), e.ca, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := tool(t.Context(), "", "kustomize", "build", dir)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifests.Parse(bytes.NewReader(rendered))
	if err != nil {
		t.Fatal(err)
	}
	return manifest(objects)
}

// apply is kubectl apply --server-side.
func (m manifest) apply(t *testing.T) {
	t.Helper()
	for _, object := range m {
		applied := client.ApplyConfigurationFromUnstructured(object.DeepCopy())
		if err := cluster.Apply(t.Context(), applied, client.FieldOwner("kubectl")); err != nil {
			t.Fatalf("apply %s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
	rolledOut(t, systemNamespace, operatorName)
}

// delete is kubectl delete.
func (m manifest) delete(ctx context.Context) (err error) {
	for _, object := range m {
		deleted := cluster.Delete(ctx, object, client.PropagationPolicy(metav1.DeletePropagationBackground))
		err = errors.Join(err, client.IgnoreNotFound(deleted))
	}
	return err
}

// helmInstall installs the chart as platform teams do, into a namespace that lets in
// only what is harmless.
func (e *endpoint) helmInstall(t *testing.T) {
	t.Helper()
	newNamespace(t, systemNamespace)
	create(t, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "endpoint-ca"}, Data: map[string]string{"ca.crt": string(e.ca)},
	})
	values := fmt.Sprintf(`
image: {repository: %s, tag: %s}
endpoint: {url: %q, ca: {configMap: endpoint-ca}}
allowedURLHosts: [%q]
`, operatorRepository, today, e.url, allowedHost)
	t.Cleanup(func() { // what is there still where the test ended early
		_ = helmUninstall(context.Background())
		_ = manifest{crdStub()}.delete(context.Background())
	})
	_, err := tool(t.Context(), values, "helm", "install", operatorName, filepath.Join("config", "chart"), "--namespace", systemNamespace,
		"--values", "-", "--wait", "--timeout", patience.String())
	if err != nil {
		t.Fatal(err)
	}
}

func helmUninstall(ctx context.Context) error {
	_, err := tool(ctx, "", "helm", "uninstall", operatorName, "--namespace", systemNamespace,
		"--ignore-not-found", "--wait", "--timeout", patience.String())
	return err
}

// tool runs one of bin/tools in the project's root.
func tool(ctx context.Context, input, name string, args ...string) ([]byte, error) {
	program, err := filepath.Abs(filepath.Join(root, "bin", "tools", name))
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = root
	cmd.Stdin = strings.NewReader(input)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s%s", name, args[0], err, output, &complaints)
	}
	return output, nil
}

const crdName = "billingsessions.billing.xtracta.com"

func crdStub() *unstructured.Unstructured {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	crd.SetName(crdName)
	return crd
}

// checkLeftOvers says which cluster-wide objects the operator has left.
func checkLeftOvers(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("of the operator there is left no more than %q", want), func(ctx context.Context) error {
		var roles rbacv1.ClusterRoleList
		var bindings rbacv1.ClusterRoleBindingList
		if err := errors.Join(cluster.List(ctx, &roles), cluster.List(ctx, &bindings)); err != nil {
			return err
		}
		found := []string{}
		note := func(name string) {
			if strings.HasPrefix(name, operatorName) {
				found = append(found, name)
			}
		}
		for _, role := range roles.Items {
			note(role.Name)
		}
		for _, binding := range bindings.Items {
			note(binding.Name)
		}
		switch err := cluster.Get(ctx, client.ObjectKey{Name: crdName}, crdStub()); {
		case err == nil:
			found = append(found, crdName)
		case !apierrors.IsNotFound(err):
			return err
		}
		if diff := cmp.Diff(want, found, cmpopts.EquateEmpty()); diff != "" {
			return fmt.Errorf("-want +got:\n%s", diff)
		}
		return nil
	})
}

// previousTree is the commit before today's, unpacked; empty where there is none to be had.
func previousTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	archive := exec.CommandContext(t.Context(), "sh", "-c", `git archive HEAD~1 | tar -x -C "$1"`, "sh", dir)
	archive.Dir = root
	if output, err := archive.CombinedOutput(); err != nil {
		t.Logf("No upgrade was tried, as the commit before this one is not here: %s", output)
		return ""
	}
	return dir
}
