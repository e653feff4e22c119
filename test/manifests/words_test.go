package manifests_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

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

// What a word renders is what any other does, but for the word. These are such as YAML, unquoted,
// takes for a number, a boolean and nothing.
func TestWordsStayText(t *testing.T) {
	const plain = "zebra" // which is in nothing of the chart
	like := worded(t, plain)
	for _, word := range []string{"1e3", "on", "null"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			got := worded(t, word)
			if diff := cmp.Diff(byPlace(t, like, plain, word), byPlace(t, got, word, word)); diff != "" {
				t.Errorf("%q is not text everywhere (-%s +%s):\n%s", word, plain, word, diff)
			}
			expectAccepted(t, got)
			expectUnderstood(t, got)
		})
	}
}

func worded(t *testing.T, word string) manifests.Manifest {
	t.Helper()
	text, err := template(t, release, chart, word, strings.ReplaceAll(wordy, "WORD", word))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

// byPlace are the objects, by namespace, kind and name, with one word for another.
func byPlace(t *testing.T, objects manifests.Manifest, old, now string) map[string]any {
	t.Helper()
	contents := map[string]any{}
	for _, object := range objects {
		text, err := object.MarshalJSON()
		replaced := &unstructured.Unstructured{}
		if err == nil {
			err = replaced.UnmarshalJSON(bytes.ReplaceAll(text, []byte(old), []byte(now)))
		}
		if err != nil {
			t.Fatal(err)
		}
		contents[replaced.GetNamespace()+"/"+key(replaced)] = replaced.Object
	}
	return contents
}
