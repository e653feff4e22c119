package api_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
)

// wide is a character that takes as many bytes as UTF-8 allows: limits count
// characters, etcd counts bytes.
const wide = "😀"

// The longest status that the schema allows must reach the API server's storage,
// and nothing longer may: a limit that is never reached bounds nothing.
func TestLongestStatus(t *testing.T) {
	s := create(t, session(t, "acme", ``))
	status := crdSchema(t).Properties["status"]

	t.Run("is stored", func(t *testing.T) {
		if err := writeStatus(t, s, (&filler{}).longest(status, "status")); err != nil {
			t.Errorf("refused: %v", err)
		}
	})

	limits := limitsOf(status, "status")
	if len(limits) < 15 {
		t.Fatalf("only %q have limits: the schema was not read right", slices.Sorted(maps.Keys(limits)))
	}
	for _, path := range slices.Sorted(maps.Keys(limits)) {
		t.Run("one more is refused in "+path, func(t *testing.T) {
			err := writeStatus(t, s, (&filler{exceed: path}).longest(status, "status"))
			field := path[strings.LastIndex(path, ".")+1:]
			checkRefusal(t, err, []string{field, limits[path]})
		})
	}
}

func writeStatus(t *testing.T, s *unstructured.Unstructured, status any) error {
	t.Helper()
	s = s.DeepCopy()
	s.SetResourceVersion(read(t, s).ResourceVersion)
	s.Object["status"] = status
	return env.Kube(t).Status().Update(t.Context(), s)
}

// filler makes the longest value that a schema allows, and one more than that at a path.
type filler struct {
	exceed string
	count  int // of strings made, so that each is unlike the others
}

func (f *filler) longest(schema apiextensionsv1.JSONSchemaProps, path string) any {
	switch schema.Type {
	case "string":
		return f.text(schema, path)
	case "array":
		return f.list(schema, path)
	case "boolean":
		return true
	case "integer":
		return int64(1)
	}
	object := map[string]any{}
	for name, property := range schema.Properties {
		object[name] = f.longest(property, path+"."+name)
	}
	return object
}

func (f *filler) list(schema apiextensionsv1.JSONSchemaProps, path string) []any {
	length := ptr.Deref(schema.MaxItems, 1)
	if path == f.exceed {
		length++
	}
	var items []any
	for range length {
		items = append(items, f.longest(*schema.Items.Schema, path+"[]"))
	}
	return items
}

func (f *filler) text(schema apiextensionsv1.JSONSchemaProps, path string) string {
	switch {
	case len(schema.Enum) > 0:
		return strings.Trim(string(schema.Enum[0].Raw), `"`)
	case schema.Format != "":
		return "2031-05-06T07:08:09Z"
	}
	length := int(ptr.Deref(schema.MaxLength, 10))
	if path == f.exceed {
		length++
	}
	f.count++
	end := fmt.Sprintf("%05d", f.count)
	filling := wide
	if schema.Pattern != "" || length > 8192 { // the messages of all conditions together must fit into etcd
		filling = "a"
	}
	return strings.Repeat(filling, length-len(end)) + end
}

// limitsOf returns what the API server says when a limit is exceeded, by path.
func limitsOf(schema apiextensionsv1.JSONSchemaProps, path string) map[string]string {
	limits := map[string]string{}
	switch {
	case schema.Type == "array":
		if maxItems := schema.MaxItems; maxItems != nil {
			limits[path] = fmt.Sprintf("Too many: %d: must have at most %d items", *maxItems+1, *maxItems)
		}
		maps.Copy(limits, limitsOf(*schema.Items.Schema, path+"[]"))
	case schema.Type == "string" && schema.MaxLength != nil:
		limits[path] = fmt.Sprintf("Too long: may not be more than %d", *schema.MaxLength)
	}
	for name, property := range schema.Properties {
		maps.Copy(limits, limitsOf(property, path+"."+name))
	}
	return limits
}

// The longest spec must be accepted, within the API server's budget for rules, and
// a Secret must be able to carry the longest template: else the controller could
// never write it.
func TestLongestSpec(t *testing.T) {
	annotation := crdSchema(t).Properties["spec"].Properties["secretTemplate"].Properties["annotations"].AdditionalProperties.Schema
	labels, annotations := map[string]any{}, map[string]any{}
	for i := range 32 {
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
