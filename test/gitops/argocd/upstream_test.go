package argocd

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appv1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// upstream is what a pull request would add to Argo CD's folder of the same name.
var upstream = filepath.Join(root, "config", "argocd", "resource_customizations", "billing.xtracta.com", "BillingSession")

// Argo CD's own test of its health checks, on ours.
func TestUpstreamHealth(t *testing.T) {
	var file struct {
		Tests []struct {
			InputPath    string              `json:"inputPath"`
			HealthStatus health.HealthStatus `json:"healthStatus"`
		} `json:"tests"`
	}
	parse(t, &file, "health_test.yaml")
	var tested []string
	for _, test := range file.Tests {
		tested = append(tested, filepath.Base(test.InputPath))
		t.Run(test.InputPath, func(t *testing.T) {
			got, err := lua.VM{UseOpenLibs: true}.ExecuteHealthLua(upstreamObject(t, test.InputPath), script(t, "health.lua"))
			if err != nil || !reflect.DeepEqual(got, &test.HealthStatus) {
				t.Errorf("health is %+v, %v, want %+v", got, err, test.HealthStatus)
			}
		})
	}
	allAreTested(t, tested, "testdata")
}

// Argo CD's own test of its actions, on ours. Its comparison makes all times equal that an action
// writes, and so does this one.
func TestUpstreamActions(t *testing.T) {
	var file struct {
		ActionTests []struct {
			Action             string `json:"action"`
			InputPath          string `json:"inputPath"`
			ExpectedOutputPath string `json:"expectedOutputPath"`
		} `json:"actionTests"`
	}
	parse(t, &file, "actions", "action_test.yaml")
	var tested []string
	for _, test := range file.ActionTests {
		tested = append(tested, test.Action)
		t.Run(test.Action, func(t *testing.T) {
			input := upstreamObject(t, "actions", test.InputPath)
			impacted, err := lua.VM{}.ExecuteResourceAction(input, script(t, "actions", test.Action, "action.lua"), nil)
			if err != nil || len(impacted) != 1 || impacted[0].K8SOperation != lua.PatchOperation {
				t.Fatalf("the action does %+v, %v, want one patch", impacted, err)
			}
			want := upstreamObject(t, "actions", test.ExpectedOutputPath)
			result, err := diff.Diff(want, impacted[0].UnstructuredObj, diff.WithNormalizer(anyTime{}))
			if err != nil || result.Modified {
				t.Errorf("the action makes %v, %v, want %v", impacted[0].UnstructuredObj, err, want)
			}
		})
	}
	tested = append(tested, "action_test.yaml", "discovery.lua", "testdata")
	allAreTested(t, tested, "actions")
}

func TestUpstreamDiscovery(t *testing.T) {
	var file struct {
		DiscoveryTests []struct {
			InputPath string                 `json:"inputPath"`
			Result    []appv1.ResourceAction `json:"result"`
		} `json:"discoveryTests"`
	}
	parse(t, &file, "actions", "action_test.yaml")
	if len(file.DiscoveryTests) == 0 {
		t.Fatal("there are no tests of discovery")
	}
	for _, test := range file.DiscoveryTests {
		t.Run(test.InputPath, func(t *testing.T) {
			scripts := []string{script(t, "actions", "discovery.lua")}
			got, err := lua.VM{UseOpenLibs: true}.ExecuteResourceActionDiscovery(upstreamObject(t, "actions", test.InputPath), scripts)
			if err != nil || len(got) != len(test.Result) {
				t.Fatalf("%d actions are on offer, %v, want %d", len(got), err, len(test.Result))
			}
			for _, action := range got {
				if !slices.ContainsFunc(test.Result, func(want appv1.ResourceAction) bool { return reflect.DeepEqual(want, action) }) {
					t.Errorf("%+v is on offer, want one of %+v", action, test.Result)
				}
			}
		})
	}
}

// What Argo CD would learn from a release of its own is what it learns from our ConfigMap.
func TestUpstreamIsInstalled(t *testing.T) {
	override, found := installed(t)["billing.xtracta.com/BillingSession"]
	if !found {
		t.Fatal("nothing is installed")
	}
	actions, err := override.GetActions()
	if err != nil {
		t.Fatal(err)
	}
	same(t, override.HealthLua, "health.lua")
	same(t, actions.ActionDiscoveryLua, "actions", "discovery.lua")
	names := []string{"action_test.yaml", "discovery.lua", "testdata"}
	for _, action := range actions.Definitions {
		same(t, action.ActionLua, "actions", action.Name, "action.lua")
		names = append(names, action.Name)
	}
	allAreTested(t, names, "actions")
}

func same(t *testing.T, installed string, path ...string) {
	t.Helper()
	if strings.TrimSpace(installed) != strings.TrimSpace(script(t, path...)) {
		t.Errorf("%s differs from what is installed:\n%s", filepath.Join(path...), installed)
	}
}

// allAreTested reports files of a folder that no test names.
func allAreTested(t *testing.T, tested []string, folder string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(upstream, folder))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(tested, entry.Name()) {
			t.Errorf("%s is not tested", filepath.Join(folder, entry.Name()))
		}
	}
}

func script(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(upstream, filepath.Join(path...)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func parse(t *testing.T, into any, path ...string) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(script(t, path...)), into); err != nil {
		t.Fatal(err)
	}
}

func upstreamObject(t *testing.T, path ...string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(script(t, path...)), &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

// anyTime makes all times equal at which somebody asked for a renewal.
type anyTime struct{}

func (anyTime) Normalize(object *unstructured.Unstructured) error {
	annotations := object.GetAnnotations()
	if annotations[renewalAnnotation] != "" {
		annotations[renewalAnnotation] = "0001-01-01T00:00:00Z"
		object.SetAnnotations(annotations)
	}
	return nil
}
