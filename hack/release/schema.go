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
	content, err := r.read("config", "crd", "bases", "billing.xtracta.com_billingsessions.yaml")
	if err != nil {
		return err
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
		if untranslated := notInJSONSchema.Find(content); untranslated != nil {
			return fmt.Errorf("the CRD has %s, which must be translated to JSON Schema first", untranslated)
		}
		schema := jsonSchema(version.Schema.OpenAPIV3Schema)
		schema["$schema"] = "http://json-schema.org/draft-07/schema#"
		schema["title"] = crd.Spec.Names.Kind
		identify(schema, crd.Spec.Group+"/"+version.Name, crd.Spec.Names.Kind)
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			return err
		}
		// The name that kubeconform's {{.ResourceKind}}_{{.ResourceAPIVersion}} asks for.
		name := fmt.Sprintf("%s_%s.json", crd.Spec.Names.Singular, version.Name)
		if err := r.write(name, append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// notInJSONSchema matches what would be lost, so that sound manifests would be refused.
var notInJSONSchema = regexp.MustCompile(`nullable: true|x-kubernetes-int-or-string|x-kubernetes-preserve-unknown-fields|x-kubernetes-embedded-resource`)

// identify lets the schema accept its own kind only. The API server needs no such rule, as
// it chooses the schema by the kind.
func identify(schema map[string]any, apiVersion, kind string) {
	properties := schema["properties"].(map[string]any)
	properties["apiVersion"].(map[string]any)["enum"] = []string{apiVersion}
	properties["kind"].(map[string]any)["enum"] = []string{kind}
	// The schema leaves the metadata to the API server, which knows it.
	properties["metadata"] = map[string]any{"type": "object"}
	required, _ := schema["required"].([]any)
	schema["required"] = append([]any{"apiVersion", "kind", "metadata"}, required...)
}

// jsonSchema turns a structural schema into JSON Schema: fields that it does not name are
// refused, as "kubectl apply" refuses them, and what only the API server understands,
// such as rules in CEL, is left out.
func jsonSchema(structural map[string]any) map[string]any {
	schema := map[string]any{}
	for name, value := range structural {
		switch name {
		case "properties":
			properties := map[string]any{}
			for property, of := range value.(map[string]any) {
				properties[property] = jsonSchema(of.(map[string]any))
			}
			schema[name] = properties
		case "items", "additionalProperties":
			schema[name] = value
			if of, isSchema := value.(map[string]any); isSchema {
				schema[name] = jsonSchema(of)
			}
		default:
			if !strings.HasPrefix(name, "x-") {
				schema[name] = value
			}
		}
	}
	if schema["properties"] != nil && schema["additionalProperties"] == nil {
		schema["additionalProperties"] = false
	}
	return schema
}
