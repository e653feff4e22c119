package helm

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestBadValuesAreRefused(t *testing.T) {
	for _, row := range []struct{ why, values, place, sentence string }{
		{"a typing error would otherwise do nothing, silently", `replica: 3`, "at ''", "additional properties 'replica' not allowed"},
		{"the same further down", `image: {name: operator}`, "'/image'", "additional properties 'name' not allowed"},
		{"a number in quotes", `replicaCount: "2"`, "'/replicaCount'", "got string, want null or integer"},
		{"fewer than nothing", `replicaCount: -1`, "'/replicaCount'", "minimum: got -1, want 0"},
		{"one namespace is a list of one", `watchNamespaces: finance`, "'/watchNamespaces'", "got string, want null or array"},
		{"no namespace has such a name", `watchNamespaces: [Finance]`, "'/watchNamespaces/0'", "does not match pattern"},
		{"the same role twice", `watchNamespaces: [finance, finance]`, "'/watchNamespaces'", "items at 0 and 1 are equal"},
		{"a key would cross the network readable", `endpoint: {url: "http://api-app.xtracta.com/"}`, "'/endpoint/url'", "does not match pattern"},
		{"a duration is not what is asked for", `endpoint: {timeoutSeconds: 10s}`, "'/endpoint/timeoutSeconds'", "got string, want null or integer"},
		{"a request that may take no time", `endpoint: {timeoutSeconds: 0}`, "'/endpoint/timeoutSeconds'", "minimum: got 0, want 1"},
		{"a request that outlives its pod", `endpoint: {timeoutSeconds: 40}`, "'/endpoint/timeoutSeconds'", "maximum: got 40, want 30"},
		{"half a selector", `watchLabelSelector: shard in`, "'/watchLabelSelector'", "does not match pattern"},
		{"a selector of nothing", `watchLabelSelector: "=a"`, "'/watchLabelSelector'", "does not match pattern"},
		{"a URL is no host", `allowedURLHosts: ["https://xtracta.com"]`, "'/allowedURLHosts/0'", "does not match pattern"},
		{"half a digest", `image: {digest: "sha256:abc"}`, "'/image/digest'", "does not match pattern"},
		{"a level that does not exist", `log: {level: trace}`, "'/log/level'", "value must be one of '', 'error', 'info', 'debug'"},
		{"a mode that does not exist", `metrics: {mode: true}`, "'/metrics/mode'", "value must be one of '', 'secure', 'plain', 'none'"},
		{"an address is no network", `networkPolicy: {endpoint: {cidrs: [203.0.113.1]}}`, "'/networkPolicy/endpoint/cidrs/0'", "does not match pattern"},
		{"half a disruption", `podDisruptionBudget: {maxUnavailable: half}`, "'/podDisruptionBudget/maxUnavailable'", "does not match pattern"},
		{"two places for one thing", `endpoint: {ca: {secret: a, configMap: b}}`, "endpoint.ca", "set secret or configMap, not both"},
		{"two proxies", `proxy: {url: "http://proxy", secret: {name: proxy}}`, "proxy", "set url or secret.name, not both"},
		{"alerts that nothing can raise", `metrics: {mode: none, prometheusRule: {enabled: true}}`,
			"metrics.prometheusRule.enabled", "set metrics.mode to secure or plain"},
		{"a monitor that nobody lets in", `{rbac: {create: false}, metrics: {serviceMonitor: {enabled: true}}}`,
			"metrics.serviceMonitor.authorization", "required if rbac.create is false"},
		{"every pod's account", `serviceAccount: {create: false}`, "serviceAccount.name", "required if serviceAccount.create is false"},
		{"a selector's label", `podLabels: {app.kubernetes.io/component: x}`, "podLabels", "app.kubernetes.io/component is set by the chart"},
		{"the other", `commonLabels: {app.kubernetes.io/name: x}`, "commonLabels", "app.kubernetes.io/name is set by the chart"},
		{"Helm's own label", `commonLabels: {app.kubernetes.io/managed-by: me}`, "commonLabels", "app.kubernetes.io/managed-by is set by the chart"},
		{"what the monitor looks for", `metrics: {serviceMonitor: {labels: {app.kubernetes.io/instance: x}}}`,
			"metrics.serviceMonitor.labels", "app.kubernetes.io/instance is set by the chart"},
		{"a name with a digit in front", `fullnameOverride: 2024-billing`, "'/fullnameOverride'", "does not match pattern"},
		{"a name with a dot", `nameOverride: billing.eu`, "'/nameOverride'", "does not match pattern"},
		{"a monitor of nothing", `{watchNamespaces: [finance], metrics: {serviceMonitor: {enabled: true}}}`,
			"metrics.serviceMonitor.enabled", "set metrics.mode to secure or plain"},
	} {
		t.Run(row.values, func(t *testing.T) {
			t.Parallel()
			_, err := template(t, release, row.values)
			if err == nil {
				t.Fatalf("accepted, though %s", row.why)
			}
			if !strings.Contains(err.Error(), row.place) || !strings.Contains(err.Error(), row.sentence) {
				t.Errorf("%v\nwant the place %q and the sentence %q (%s)", err, row.place, row.sentence, row.why)
			}
		})
	}
}

// A value that values.yaml does not explain is one that nobody finds; one that the
// schema does not know cannot be set.
func TestEveryValueIsExplainedAndChecked(t *testing.T) {
	var schema node
	if err := json.Unmarshal(read(t, "values.schema.json"), &schema); err != nil {
		t.Fatal(err)
	}
	var values yaml.Node
	if err := yaml.Unmarshal(read(t, "values.yaml"), &values); err != nil {
		t.Fatal(err)
	}
	explained := map[string]bool{} // value → whether a comment explains it
	explain(values.Content[0], "", false, explained)
	for value, commented := range explained {
		if !commented {
			t.Errorf("values.yaml does not explain %s", value)
		}
	}
	if diff := cmp.Diff(schema.values(""), slices.Sorted(maps.Keys(explained))); diff != "" {
		t.Errorf("the schema and values.yaml differ (-schema +values.yaml):\n%s", diff)
	}
}

// node is what counts here of a JSON schema.
type node struct {
	Properties map[string]node `json:"properties"`
}

func (n node) values(path string) (all []string) {
	for name, property := range n.Properties {
		all = append(append(all, path+name), property.values(path+name+".")...)
	}
	slices.Sort(all)
	return all
}

// explain lists the values in a node of values.yaml. A comment on a group holds for
// all of it. Which resources there are is for Kubernetes to explain.
func explain(values *yaml.Node, path string, within bool, into map[string]bool) {
	if strings.HasPrefix(path, "resources.") && path != "resources." {
		return
	}
	for i := 0; i < len(values.Content); i += 2 {
		name, value := values.Content[i], values.Content[i+1]
		group := value.Kind == yaml.MappingNode && len(value.Content) > 0
		commented := within || name.HeadComment != ""
		into[path+name.Value] = commented || group
		if group {
			explain(value, path+name.Value+".", commented, into)
		}
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chart, file))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
