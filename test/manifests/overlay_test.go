package manifests_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// overlays are what people write over the folders of config/ to install them elsewhere.
// Each row is an overlay by its fields; the folders are those that it has as resources.
var overlays = []struct {
	fields  string
	folders []string
}{
	{"namespace: xtracta", []string{"default", "prometheus", "grafana"}},
	{"namespace: xtracta", []string{"namespaced"}},
	{"namespace: xtracta", []string{"shards", "prometheus"}},
	{"{namespace: xtracta, nameSuffix: -eu}", []string{"default", "prometheus"}},
	{"{namespace: xtracta, namePrefix: eu-}", []string{"namespaced/operator", "prometheus"}},
	{"{namespace: xtracta, namePrefix: eu-}", []string{"prometheus"}},
	{"{namespace: xtracta, namePrefix: eu-}", []string{"samples", "samples/link", "samples/policies"}},
	{"namePrefix: eu-", []string{"default", "prometheus"}},
}

func TestOverlaysAreFollowed(t *testing.T) {
	for _, row := range overlays {
		t.Run(row.fields+" over "+strings.Join(row.folders, " and "), func(t *testing.T) {
			dir := t.TempDir()
			overlay(t, dir, row.fields, row.folders...)
			objects := manifests.Kustomize(t, dir)
			moved := strings.Contains(row.fields, "namespace:")
			for _, object := range objects {
				if moved {
					expectNothingLeftBehind(t, object)
				}
			}
			expectSubjects(t, objects)
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

// movedBesideItsBindings renders the overlay that the comment of config/namespaced shows.
// more are fields for all of it.
func movedBesideItsBindings(t *testing.T, fields, more string) manifests.Manifest {
	t.Helper()
	dir := t.TempDir()
	overlay(t, filepath.Join(dir, "my-operator"), fields, "namespaced/operator")
	overlay(t, dir, fmt.Sprintf("{%sresources: [my-operator], components: [%s]}", more,
		relative(t, dir, env.Path("config", "namespaced", "bindings"))))
	return manifests.Kustomize(t, dir)
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
	from, err := filepath.EvalSymlinks(from)
	if err == nil {
		to, err = filepath.EvalSymlinks(to)
	}
	if err == nil {
		to, err = filepath.Rel(from, to)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}
