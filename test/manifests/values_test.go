package manifests_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// badValues are such as people write, with why none may pass in silence, and what is said of them: helm says all at once.
var badValues = []struct{ values, refused string }{
	{`
replica: 3                          # a typing error would otherwise do nothing
replicaCount: "2"                   # a number in quotes
watchNamespaces: [Finance, 007, null] # no namespace has such a name
endpoint:
  url: http://api-app.xtracta.com/  # a key would cross the network readable
  timeoutSeconds: 10s               # a duration is not what is asked for
  qps: -1                           # fewer than none
watchLabelSelector: shard in        # half a selector
allowedURLHosts: ["https://xtracta.com"] # a URL is no host
image: {name: operator, digest: sha256:abc} # a typing error further down, and half a digest
log: {level: trace}                 # a level that does not exist
metrics: {mode: true}               # a mode that does not exist
networkPolicy: {endpoint: {cidrs: [203.0.113.1]}} # an address is no network
podDisruptionBudget: {maxUnavailable: half}
fullnameOverride: 2024-billing      # a Service's name has no digit in front
nameOverride: billing.eu            # nor a dot
`, `
at '': additional properties 'replica' not allowed
at '/allowedURLHosts/0': 'https://xtracta.com' does not match pattern
at '/endpoint/qps': minimum: got -1, want 0
at '/endpoint/timeoutSeconds': got string, want null or integer
at '/endpoint/url': 'http://api-app.xtracta.com/' does not match pattern
at '/fullnameOverride': '2024-billing' does not match pattern
at '/image': additional properties 'name' not allowed
at '/image/digest': 'sha256:abc' does not match pattern
at '/log/level': value must be one of '', 'error', 'info', 'debug', <nil>
at '/metrics/mode': value must be one of '', 'secure', 'plain', 'none', <nil>
at '/nameOverride': 'billing.eu' does not match pattern
at '/networkPolicy/endpoint/cidrs/0': '203.0.113.1' does not match pattern
at '/podDisruptionBudget/maxUnavailable': 'half' does not match pattern
at '/replicaCount': got string, want null or integer
at '/watchLabelSelector': 'shard in' does not match pattern
at '/watchNamespaces/0': 'Finance' does not match pattern
at '/watchNamespaces/1': got number, want string
at '/watchNamespaces/2': got null, want string
`},
	{`
watchNamespaces: [finance, finance] # the same role twice
endpoint: {timeoutSeconds: 0}       # a request that may take no time
watchLabelSelector: "=a"            # a selector of nothing
# A word without quotes has lost its spelling before the chart sees it: 007 is 7.
commonLabels: {a: true}
imagePullSecrets: [2024, {name: 2024}]
proxy: {secret: {name: 1e3}}
image: {tag: 1.10}
extraEnv: [{name: A, value: 1}]
`, `
at '/commonLabels/a': got boolean, want null or string
at '/endpoint/timeoutSeconds': minimum: got 0, want 1
at '/extraEnv/0/value': got number, want string
at '/image/tag': got number, want null or string
at '/imagePullSecrets/0': got number, want string or object
at '/imagePullSecrets/1/name': got number, want string
at '/proxy/secret/name': got number, want null or string
at '/watchLabelSelector': '=a' does not match pattern
at '/watchNamespaces': items at 0 and 1 are equal
`},
}

func TestBadValuesAreRefused(t *testing.T) {
	for _, row := range badValues {
		_, err := template(t, release, chart, systemNamespace, row.values)
		if err == nil {
			t.Fatalf("accepted:\n%s", row.values)
		}
		var refused []string
		for _, complaint := range regexp.MustCompile(`- (at .*)`).FindAllStringSubmatch(err.Error(), -1) {
			if text, group := strings.CutSuffix(complaint[1], ": validation failed"); !group {
				text, _, _ = strings.Cut(text, " '^")
				refused = append(refused, text)
			}
		}
		slices.Sort(refused)
		if diff := cmp.Diff(strings.Split(strings.TrimSpace(row.refused), "\n"), refused); diff != "" {
			t.Errorf("helm complains of other things (-want +got):\n%s", diff)
		}
	}
}

// Values may be sound one by one and wrong together, reserved, or have another name now.
func TestContradictionsAreRefused(t *testing.T) {
	for _, row := range []struct{ why, values, sentence string }{
		{"two places for one thing", `endpoint: {ca: {secret: a, configMap: b}}`, "endpoint.ca: set secret or configMap, not both"},
		{"two proxies", `proxy: {url: "http://proxy", secret: {name: proxy}}`, "proxy: set url or secret.name, not both"},
		{"alerts that nothing can raise", `metrics: {mode: none, prometheusRule: {enabled: true}}`,
			"metrics.prometheusRule.enabled: there are no metrics to watch; set metrics.mode to secure or plain"},
		{"a monitor of nothing", `{watchNamespaces: [finance], metrics: {serviceMonitor: {enabled: true}}}`,
			"metrics.serviceMonitor.enabled: there are no metrics to scrape; set metrics.mode to secure or plain"},
		{"a monitor that nobody lets in", `{rbac: {create: false}, metrics: {serviceMonitor: {enabled: true}}}`,
			"metrics.serviceMonitor.authorization: required if rbac.create is false"},
		{"every pod's account", `serviceAccount: {create: false}`, "serviceAccount.name: required if serviceAccount.create is false"},
		{"a selector's label", `podLabels: {app.kubernetes.io/component: x}`, "podLabels: app.kubernetes.io/component is set by the chart"},
		{"Helm's own label", `commonLabels: {app.kubernetes.io/managed-by: me}`, "commonLabels: app.kubernetes.io/managed-by is set by the chart"},
		{"what the monitor looks for", `metrics: {serviceMonitor: {labels: {app.kubernetes.io/instance: x}}}`,
			"metrics.serviceMonitor.labels: app.kubernetes.io/instance is set by the chart"},
		{"the default, as --reuse-values gives it", `replicas: 2`, "replicas is now called replicaCount"},
		{"nothing, under a former name", `image: {pullSecrets: []}`, "image.pullSecrets is now called imagePullSecrets"},
		{"the former name beside the new one", `{crds: {install: false, enabled: false}}`, "crds.install is now called crds.enabled"},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			if _, err := template(t, release, chart, systemNamespace, row.values); err == nil || !strings.Contains(err.Error(), row.sentence) {
				t.Errorf("%v\nwant it refused with %q", err, row.sentence)
			}
		})
	}
}

// A value that values.yaml does not explain is one that nobody finds; one that the
// schema does not know cannot be set.
func TestEveryValueIsExplainedAndChecked(t *testing.T) {
	var schema node
	if err := json.Unmarshal([]byte(chartFile(t, "values.schema.json")), &schema); err != nil {
		t.Fatal(err)
	}
	var values yaml.Node
	if err := yaml.Unmarshal([]byte(chartFile(t, "values.yaml")), &values); err != nil {
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
