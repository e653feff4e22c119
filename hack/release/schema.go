package main

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

// writeSchema writes the schema of BillingSessions in the form that editors and kubeconform
// read: as JSON Schema, in which a field that is mistyped is a fault.
func (r *release) writeSchema(context.Context) error {
	content, err := r.read("config/crd/bases/billing.xtracta.com_billingsessions.yaml")
	if err != nil {
		return err
	}
	if lost := notInJSONSchema.Find(content); lost != nil {
		return fmt.Errorf("the CRD has %s, which must be translated to JSON Schema first", lost)
	}
	var crd struct {
		Spec struct {
			Group    string
			Names    struct{ Kind, Singular string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := yaml.Unmarshal(content, &crd); err != nil {
		return err
	}
	for _, version := range crd.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		makeStrict(schema)
		identifyKind(schema, crd.Spec.Group+"/"+version.Name, crd.Spec.Names.Kind)
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			return err
		}
		// The name that kubeconform's {{.ResourceKind}}_{{.ResourceAPIVersion}} asks for.
		if err := r.write(fmt.Sprintf("%s_%s.json", crd.Spec.Names.Singular, version.Name), append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// notInJSONSchema matches what would be lost, so that sound manifests would be refused.
var notInJSONSchema = regexp.MustCompile(`nullable: true|x-kubernetes-int-or-string|x-kubernetes-preserve-unknown-fields|x-kubernetes-embedded-resource`)

// makeStrict turns a structural schema into JSON Schema: fields that it does not name are
// refused, as "kubectl apply" refuses them, and what only the API server understands,
// such as rules in CEL, is left out.
func makeStrict(schema map[string]any) {
	for name := range schema {
		if strings.HasPrefix(name, "x-") {
			delete(schema, name)
		}
	}
	properties, isObject := schema["properties"].(map[string]any)
	for _, property := range properties {
		makeStrict(property.(map[string]any))
	}
	if isObject && schema["additionalProperties"] == nil {
		schema["additionalProperties"] = false
	}
	for _, name := range []string{"items", "additionalProperties"} {
		if of, isSchema := schema[name].(map[string]any); isSchema {
			makeStrict(of)
		}
	}
}

// identifyKind lets the schema accept its own kind only. The API server needs no such rule, as
// it chooses the schema by the kind.
func identifyKind(schema map[string]any, apiVersion, kind string) {
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = kind
	properties := schema["properties"].(map[string]any)
	properties["apiVersion"].(map[string]any)["enum"] = []string{apiVersion}
	properties["kind"].(map[string]any)["enum"] = []string{kind}
	// The schema leaves the metadata to the API server, which knows it.
	properties["metadata"] = map[string]any{"type": "object"}
	required, _ := schema["required"].([]any)
	schema["required"] = append([]any{"apiVersion", "kind", "metadata"}, required...)
}
