package api_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
)

// wide is a character that takes as many bytes as UTF-8 allows: limits count
// characters, etcd counts bytes.
const wide = "😀"

// The longest status that the schema allows must reach the API server's storage: else the
// controller could never write it.
func TestLongestStatus(t *testing.T) {
	s := create(t, session(t, "acme", ``))
	s.SetResourceVersion(read(t, s).ResourceVersion)
	texts := 0
	s.Object["status"] = longest(crdSchema(t).Properties["status"], &texts)
	if texts < 15 {
		t.Fatalf("the status has %d texts: the schema was not read right", texts)
	}
	if err := env.Kube(t).Status().Update(t.Context(), s); err != nil {
		t.Errorf("refused: %v", err)
	}
}

// longest is the longest value that a schema allows. It counts its texts, so that each is
// unlike the others.
func longest(schema apiextensionsv1.JSONSchemaProps, texts *int) any {
	switch schema.Type {
	case "string":
		*texts++
		return longestText(schema, fmt.Sprintf("%05d", *texts))
	case "array":
		var items []any
		for range ptr.Deref(schema.MaxItems, 1) {
			items = append(items, longest(*schema.Items.Schema, texts))
		}
		return items
	case "boolean":
		return true
	case "integer":
		return int64(1)
	}
	object := map[string]any{}
	for name, property := range schema.Properties {
		object[name] = longest(property, texts)
	}
	return object
}

func longestText(schema apiextensionsv1.JSONSchemaProps, end string) string {
	switch {
	case len(schema.Enum) > 0:
		return strings.Trim(string(schema.Enum[0].Raw), `"`)
	case schema.Format != "":
		return "2031-05-06T07:08:09Z"
	}
	length, filling := int(ptr.Deref(schema.MaxLength, 10)), wide
	if schema.Pattern != "" || length > 8192 { // the messages of all conditions together must fit into etcd
		filling = "a"
	}
	return strings.Repeat(filling, length-len(end)) + end
}

// The longest spec must be accepted, within the API server's budget for rules, and
// a Secret must be able to carry the longest template: else the controller could
// never write it.
func TestLongestSpec(t *testing.T) {
	annotation := crdSchema(t).Properties["spec"].Properties["secretTemplate"].Properties["annotations"].AdditionalProperties.Schema
	labels, annotations := map[string]any{}, map[string]any{}
	for i := range 16 {
		labels[longestKey(i)] = strings.Repeat("v", 63)
		annotations[longestKey(i)] = strings.Repeat(wide, int(*annotation.MaxLength))
	}
	s := session(t, strings.Repeat("n", 63), ``)
	s.Object["spec"] = map[string]any{
		"apiKeySecretRef":    map[string]any{"name": strings.Repeat("k", 253), "key": strings.Repeat("e", 253)},
		"purge":              "process",
		"expirationSeconds":  int64(259200),
		"renewBeforeSeconds": int64(207360),
		"secretName":         strings.Repeat("s", 253),
		"secretTemplate":     map[string]any{"labels": labels, "annotations": annotations},
		"urlInStatus":        "Hidden",
		"suspend":            true,
	}
	created := read(t, create(t, s))

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: created.Namespace, Name: *created.Spec.SecretName,
		Labels: map[string]string{}, Annotations: map[string]string{},
	}}
	for key, value := range created.Spec.SecretTemplate.Labels {
		secret.Labels[key] = string(value)
	}
	for key, value := range created.Spec.SecretTemplate.Annotations {
		secret.Annotations[key] = string(value)
	}
	secret.Annotations["billing.xtracta.com/room-for-our-own"] = strings.Repeat("a", 64<<10)
	if err := env.Kube(t).Create(t.Context(), secret, client.DryRunAll); err != nil {
		t.Errorf("a Secret cannot carry the longest template: %v", err)
	}
}

func longestKey(i int) string {
	label := strings.Repeat("p", 63)
	prefix := strings.Join([]string{label, label, label, strings.Repeat("p", 61)}, ".")
	return prefix + "/" + fmt.Sprintf("%063d", i)
}
