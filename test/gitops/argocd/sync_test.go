package argocd

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/diff"
	openapiv2 "github.com/google/gnostic-models/openapiv2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/util/proto"
	"sigs.k8s.io/yaml"
)

const argoManager = "argocd-controller"

// What the API server fills in must not look like a change that somebody has made: self-heal would
// sync the session again and again.
func TestSessionsAreInSync(t *testing.T) {
	schema := crdSchema(t)
	parser := parserOf(t, schema)
	for name, spec := range map[string]string{
		"minimal":           `{apiKeySecretRef: {name: key}}`,
		"with an entry":     `{apiKeySecretRef: {name: key, key: xtracta}}`,
		"default entry":     `{apiKeySecretRef: {name: key, key: api-key}}`,
		"part of the rest":  `{apiKeySecretRef: {name: key}, urlInStatus: Hidden}`,
		"template, no life": `{apiKeySecretRef: {name: key}, secretTemplate: {labels: {a: b}}}`,
		"defaults declared": `{apiKeySecretRef: {name: key}, expirationSeconds: 600, urlInStatus: Full, suspend: false}`,
	} {
		git := sessionOf(t, spec)
		live := stored(t, parser, schema, git)
		for mode, options := range map[string][]diff.Option{
			"client-side": nil,
			"server-side": {diff.WithStructuredMergeDiff(true)},
			"dry run": {diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(dryRun(func() *unstructured.Unstructured {
				return stored(t, parser, schema, git)
			}))},
		} {
			t.Run(name+", "+mode, func(t *testing.T) {
				options = append(options, diff.WithGVKParser(parser), diff.WithManager(argoManager))
				result, err := diff.Diff(git.DeepCopy(), live.DeepCopy(), options...)
				if err != nil {
					t.Fatal(err)
				}
				if result.Modified {
					t.Errorf("OutOfSync for ever:\nlive      %s\npredicted %s", result.NormalizedLive, result.PredictedLive)
				}
			})
		}
	}
}

func sessionOf(t *testing.T, spec string) *unstructured.Unstructured {
	t.Helper()
	var session unstructured.Unstructured
	text := "{apiVersion: billing.xtracta.com/v1alpha1, kind: BillingSession, metadata: {namespace: finance, name: acme}, spec: " + spec + "}"
	if err := yaml.Unmarshal([]byte(text), &session.Object); err != nil {
		t.Fatal(err)
	}
	return &session
}

// stored is what the API server makes of a session that Argo CD applies: defaults are filled in, and
// managedFields name what Argo CD has set.
func stored(t *testing.T, parser *managedfields.GvkParser, schema map[string]any, git *unstructured.Unstructured) *unstructured.Unstructured {
	t.Helper()
	typed, err := parser.Type(git.GroupVersionKind()).FromUnstructured(map[string]any{"spec": git.Object["spec"]})
	if err != nil {
		t.Fatal(err)
	}
	set, err := typed.ToFieldSet()
	if err != nil {
		t.Fatal(err)
	}
	fields, err := set.ToJSON()
	if err != nil {
		t.Fatal(err)
	}
	live := git.DeepCopy()
	fillIn(live.Object, schema)
	live.SetManagedFields([]metav1.ManagedFieldsEntry{{
		Manager: argoManager, Operation: metav1.ManagedFieldsOperationApply, APIVersion: git.GetAPIVersion(),
		FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: fields},
	}})
	return live
}

// fillIn gives an object the defaults of its schema.
func fillIn(object, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for name, property := range properties {
		property := property.(map[string]any)
		if value, ok := property["default"]; ok && object[name] == nil {
			object[name] = value
		}
		if child, ok := object[name].(map[string]any); ok {
			fillIn(child, property)
		}
	}
}

type dryRun func() *unstructured.Unstructured

func (r dryRun) Run(context.Context, *unstructured.Unstructured, string) (string, error) {
	text, err := r().MarshalJSON()
	return string(text), err
}

func crdSchema(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", "crd", "bases", "billing.xtracta.com_billingsessions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd unstructured.Unstructured
	if err := yaml.Unmarshal(text, &crd.Object); err != nil {
		t.Fatal(err)
	}
	versions, _, err := unstructured.NestedSlice(crd.Object, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	schema, _, err := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// parserOf knows BillingSessions, as Argo CD learns them from the API server's OpenAPI document.
func parserOf(t *testing.T, schema map[string]any) *managedfields.GvkParser {
	t.Helper()
	published := (&unstructured.Unstructured{Object: schema}).DeepCopy().Object
	published["x-kubernetes-group-version-kind"] = []any{
		map[string]any{"group": "billing.xtracta.com", "version": "v1alpha1", "kind": "BillingSession"},
	}
	text, err := json.Marshal(map[string]any{
		"swagger": "2.0", "info": map[string]any{"title": "", "version": ""}, "paths": map[string]any{},
		"definitions": map[string]any{"BillingSession": published},
	})
	if err != nil {
		t.Fatal(err)
	}
	document, err := openapiv2.ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	models, err := proto.NewOpenAPIData(document)
	if err != nil {
		t.Fatal(err)
	}
	parser, err := managedfields.NewGVKParser(models, true)
	if err != nil {
		t.Fatal(err)
	}
	return parser
}
