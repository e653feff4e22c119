package helm

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// hostile are names that YAML, unquoted, takes for a number, a boolean, a date or nothing.
var hostile = []string{
	"2024", "007", "0", "1e3", "0x1f", "0b1", "0o17", "1e999", "true", "false", "null", "yes", "no", "on", "off", "y", "n", "2024-01-02", "nan",
}

// wordy has a word wherever a value may be one.
const wordy = `
commonLabels: {w1: "WORD"}
podLabels: {w2: "WORD", "WORD": a}
podAnnotations: {w3: "WORD"}
serviceAccount: {annotations: {w4: "WORD"}, name: "WORD"}
watchNamespaces: ["WORD", finance]
image: {repository: "WORD", tag: "WORD"}
imagePullSecrets: ["WORD"]
global: {imagePullSecrets: [{name: "x-WORD"}]}
endpoint: {ca: {secret: "WORD", key: "WORD"}}
allowedURLHosts: ["WORD"]
proxy: {secret: {name: "WORD", key: "WORD"}, noProxy: ["WORD"]}
leaderElection: {id: "WORD"}
metrics: {mode: secure, serviceMonitor: {enabled: true, labels: {w5: "WORD"}, authorization: {credentials: {name: "WORD", key: "WORD"}}},
  prometheusRule: {enabled: true, labels: {w6: "WORD"}}}
dashboard: {enabled: true, labels: {w7: "WORD"}, annotations: {w8: "WORD"}}
networkPolicy: {enabled: true, metricsFrom: [{podSelector: {matchLabels: {w9: "WORD"}}}]}
extraEnv: [{name: W, value: "WORD"}]
extraVolumes: [{name: "x-WORD", secret: {secretName: "WORD"}}]
extraVolumeMounts: [{name: "x-WORD", mountPath: /x}]
nodeSelector: {wa: "WORD"}
tolerations: [{key: wb, value: "WORD"}]
priorityClassName: "WORD"
hostAliases: [{ip: 192.0.2.1, hostnames: ["WORD"]}]
dnsConfig: {searches: ["WORD"]}
crds: {enabled: false}
`

// What a word renders is what any other does, but for the word.
func TestWordsStayText(t *testing.T) {
	const plain = "zebra" // which is in nothing of the chart
	like := worded(t, plain)
	for _, word := range hostile {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			got := worded(t, word)
			if diff := cmp.Diff(byPlace(replaced(like, plain, word)), byPlace(got)); diff != "" {
				t.Errorf("%q is not text everywhere (-%s +%s):\n%s", word, plain, word, diff)
			}
			expectAccepted(t, got)
			expectUnderstood(t, got)
			expectMonitoring(t, got)
		})
	}
}

// A full name is in most names; it has to begin with a letter.
func TestFullNamesStayText(t *testing.T) {
	for _, word := range hostile {
		if word[0] <= '9' {
			continue
		}
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			got := rendered(t, strings.ReplaceAll(`{fullnameOverride: "WORD", nameOverride: "WORD"}`+"\n", "WORD", word))
			if name := find(t, got.OfKind("Deployment"), `{.metadata.name} {.metadata.labels.app\.kubernetes\.io/name}`); name != word+" "+word {
				t.Errorf("the Deployment has name and label %s, want %s twice", name, word)
			}
			expectAccepted(t, got)
		})
	}
}

// A word without quotes has lost its spelling before the chart sees it: 007 is 7.
func TestWordsWithoutQuotesAreRefused(t *testing.T) {
	for _, values := range []string{
		`watchNamespaces: [2024]`, `watchNamespaces: [007]`, `watchNamespaces: [true]`, `watchNamespaces: [null]`, `watchNamespaces: [1e3]`,
		`imagePullSecrets: [2024]`, `imagePullSecrets: [{name: 2024}]`, `global: {imagePullSecrets: [true]}`, `priorityClassName: 007`,
		`priorityClassName: true`, `endpoint: {ca: {secret: 2024}}`, `endpoint: {ca: {configMap: true}}`, `proxy: {secret: {name: 1e3}}`,
		`leaderElection: {id: 2024}`, `commonLabels: {a: true}`, `podLabels: {a: 2024}`, `podAnnotations: {a: 1e3}`, `nodeSelector: {a: true}`,
		`serviceAccount: {name: 2024}`, `serviceAccount: {annotations: {a: true}}`, `image: {tag: 1.10}`, `fullnameOverride: true`,
		`extraEnv: [{name: A, value: 1}]`, `extraArgs: [1]`, `dashboard: {labels: {grafana_dashboard: 1}}`, `metrics: {serviceMonitor: {labels: {a: 1}}}`,
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			if _, err := template(t, release, values); err == nil || !strings.Contains(err.Error(), ", want ") {
				t.Errorf("%v; want it refused, with the type that is wanted", err)
			}
		})
	}
}

func worded(t *testing.T, word string) manifests.Manifest {
	t.Helper()
	text, err := helm(t, strings.ReplaceAll(wordy, "WORD", word), "template", release, chart, "--namespace", word, "--values", "-")
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

func byPlace(objects manifests.Manifest) map[string]any {
	contents := map[string]any{}
	for _, object := range objects {
		contents[object.GetNamespace()+"/"+key(object)] = object.Object
	}
	return contents
}

func replaced(objects manifests.Manifest, old, now string) (all manifests.Manifest) {
	for _, object := range objects {
		all = append(all, &unstructured.Unstructured{Object: replacedIn(object.Object, old, now).(map[string]any)})
	}
	return all
}

func replacedIn(value any, old, now string) any {
	switch value := value.(type) {
	case string:
		return strings.ReplaceAll(value, old, now)
	case map[string]any:
		all := map[string]any{}
		for name, field := range value {
			all[strings.ReplaceAll(name, old, now)] = replacedIn(field, old, now)
		}
		return all
	case []any:
		all := []any{}
		for _, item := range value {
			all = append(all, replacedIn(item, old, now))
		}
		return all
	}
	return value
}
