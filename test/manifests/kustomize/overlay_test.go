package kustomize

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const otherNamespace = "xtracta"

// overlays are what people write over the folders of config/ to install them elsewhere.
// Each row is an overlay by its fields; the folders are those that it has as resources.
var overlays = []struct {
	name    string
	fields  string
	folders []string
}{
	{"namespace", "namespace: xtracta", []string{"default"}},
	{"namespace", "namespace: xtracta", []string{"namespaced"}},
	{"namespace", "namespace: xtracta", []string{"namespaced/operator"}},
	{"namespace", "namespace: xtracta", []string{"shards"}},
	{"namespace", "namespace: xtracta", []string{"rbac", "manager"}},
	{"namespace", "namespace: xtracta", []string{"prometheus"}},
	{"namespace", "namespace: xtracta", []string{"grafana"}},
	{"namespace", "namespace: xtracta", []string{"default", "prometheus", "grafana"}},
	{"namespace", "namespace: xtracta", []string{"shards", "prometheus"}},
	{"namespace", "namespace: xtracta", []string{"samples", "samples/link", "samples/policies"}},
	{"namespace and prefix", "{namespace: xtracta, namePrefix: eu-}", []string{"default", "prometheus"}},
	{"namespace and suffix", "{namespace: xtracta, nameSuffix: -eu}", []string{"default", "prometheus"}},
	{"namespace and prefix", "{namespace: xtracta, namePrefix: eu-}", []string{"namespaced/operator", "prometheus"}},
	{"namespace and prefix", "{namespace: xtracta, namePrefix: eu-}", []string{"prometheus"}},
	{"namespace and prefix", "{namespace: xtracta, namePrefix: eu-}", []string{"samples", "samples/link", "samples/policies"}},
	{"prefix", "namePrefix: eu-", []string{"default", "prometheus"}},
	{"prefix", "namePrefix: eu-", []string{"namespaced"}},
}

func TestOverlaysAreFollowed(t *testing.T) {
	for _, row := range overlays {
		t.Run(row.name+" over "+strings.Join(row.folders, " and "), func(t *testing.T) {
			objects := overlaid(t, row.fields, row.folders...)
			moved := strings.Contains(row.fields, "namespace:")
			for _, object := range objects {
				if moved {
					expectNothingLeftBehind(t, object)
				}
			}
			expectSubjects(t, objects)
			expectPoliciesBound(t, objects)
			expectMonitored(t, objects)
			expectKeysOfSessions(t, objects)
		})
	}
}

// A RoleBinding must stay in the namespace of the sessions while the operator moves.
func TestOperatorMovesWithoutItsBindings(t *testing.T) {
	for _, fields := range []string{"namespace: xtracta", "{namespace: xtracta, namePrefix: eu-}"} {
		t.Run(fields, func(t *testing.T) {
			objects := movedBesideItsBindings(t, fields, "")
			expectSubjects(t, objects)
			bound := []string{}
			for _, binding := range manifests.All[rbacv1.RoleBinding](t, objects, "RoleBinding") {
				bound = append(bound, binding.Namespace)
			}
			slices.Sort(bound)
			if diff := cmp.Diff([]string{"finance", otherNamespace}, bound); diff != "" {
				t.Errorf("the RoleBindings are elsewhere (-want +got):\n%s", diff)
			}
		})
	}
}

// The API server agrees: where it has moved to, the operator may serve the namespaces that it
// is bound to, and no others.
func TestMovedOperatorMayServe(t *testing.T) {
	c := manifests.NewStrict(t, cluster(t).Config())
	manifests.Namespace(t, c, "finance")
	for _, object := range movedBesideItsBindings(t, "namespace: xtracta", "nameSuffix: -eu, ") {
		if err := manifests.Apply(t.Context(), c, object, ""); err != nil {
			t.Fatal(err)
		}
	}
	account, _, err := cluster(t).AddServiceAccount(otherNamespace, operatorName+"-eu")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		act
		want bool
	}{
		{act{verb: "update", resource: "secrets", namespace: "finance"}, true},
		{act{verb: "update", group: coordination, resource: "leases", namespace: otherNamespace, name: operatorName}, true},
		{act{verb: "update", resource: "secrets", namespace: otherNamespace}, false},
		{act{verb: "update", resource: "secrets", namespace: metav1.NamespaceDefault}, false},
	} {
		if got := may(t, account, row.act); got != row.want {
			t.Errorf("may %s %s in %s: %v, want %v", row.verb, row.resource, row.namespace, got, row.want)
		}
	}
}

// movedBesideItsBindings renders the overlay that the comment of config/namespaced shows.
// more are fields for all of it.
func movedBesideItsBindings(t *testing.T, fields, more string) manifests.Manifest {
	t.Helper()
	dir := t.TempDir()
	overlay(t, filepath.Join(dir, "my-operator"), fields, "namespaced/operator")
	overlay(t, dir, fmt.Sprintf("{%sresources: [my-operator], components: [%s]}", more,
		relative(t, dir, env.Path("config", "namespaced", "bindings"))))
	return built(t, dir)
}

// overlaid renders an overlay with these fields over folders of config/.
func overlaid(t *testing.T, fields string, folders ...string) manifests.Manifest {
	t.Helper()
	dir := t.TempDir()
	overlay(t, dir, fields, folders...)
	return built(t, dir)
}

func built(t *testing.T, dir string) manifests.Manifest {
	t.Helper()
	objects, err := manifests.Kustomize(dir)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// overlay writes a kustomization with these fields, and folders of config/ as resources.
func overlay(t *testing.T, dir, fields string, folders ...string) {
	t.Helper()
	var content map[string]any
	if err := yaml.Unmarshal([]byte(fields), &content); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	resources, _ := content["resources"].([]any)
	for _, folder := range folders {
		resources = append(resources, relative(t, dir, env.Path("config", folder)))
	}
	content["resources"] = resources
	text, err := yaml.Marshal(content)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "kustomization.yaml"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// relative is the path from one folder to another: Kustomize refuses absolute ones.
func relative(t *testing.T, from, to string) string {
	t.Helper()
	path, err := filepath.Rel(physical(t, from), physical(t, to))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func physical(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
