package api_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// crdSchema is the schema of a BillingSession as the CRD declares it.
func crdSchema(t *testing.T) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	text, err := os.ReadFile("../../config/crd/bases/billing.xtracta.com_billingsessions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &crd); err != nil {
		t.Fatal(err)
	}
	return *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// boundedElsewhere lists what needs no limit in the CRD, and why.
var boundedElsewhere = map[string]string{
	".apiVersion": "the API server accepts its own groups and versions only",
	".kind":       "the API server accepts the kind of the CRD only",
	".metadata":   "Kubernetes has limits of its own for metadata",
}

// boundedFormats lists the formats whose strings need no maximum length, and why.
var boundedFormats = map[string]string{
	"date-time": "the API server parses it, and no instant is long",
}

// What a tenant or an endpoint writes into a session costs the controller memory
// and etcd space, so each string, list and map has a limit.
func TestEverythingIsBounded(t *testing.T) {
	crd := crdSchema(t)
	for _, fault := range unbounded(crd, "") {
		t.Error(fault)
	}
	for path := range boundedElsewhere {
		if _, ok := crd.Properties[strings.TrimPrefix(path, ".")]; !ok {
			t.Errorf("%s is an exception but does not exist", path)
		}
	}
}

// unbounded names everything in a schema that has no limit.
func unbounded(schema apiextensionsv1.JSONSchemaProps, path string) (faults []string) {
	if _, ok := boundedElsewhere[path]; ok {
		return nil
	}
	switch {
	case ptr.Deref(schema.XPreserveUnknownFields, false) || schema.XEmbeddedResource || schema.XIntOrString:
		faults = append(faults, path+" accepts what the schema does not describe")
	case schema.Type == "string":
		if schema.MaxLength == nil && len(schema.Enum) == 0 && boundedFormats[schema.Format] == "" {
			faults = append(faults, path+" has no maxLength")
		}
	case schema.Type == "array":
		if schema.MaxItems == nil {
			faults = append(faults, path+" has no maxItems")
		}
		faults = append(faults, unbounded(*schema.Items.Schema, path+"[]")...)
	case schema.Type == "object" && schema.AdditionalProperties != nil:
		if schema.MaxProperties == nil {
			faults = append(faults, path+" has no maxProperties")
		}
		faults = append(faults, unbounded(*schema.AdditionalProperties.Schema, path+"{}")...)
	case schema.Type == "":
		faults = append(faults, path+" has no type")
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		faults = append(faults, unbounded(schema.Properties[name], path+"."+name)...)
	}
	return faults
}

// The walk itself must notice whatever has no limit, however deep.
func TestTheWalkFindsWhatIsUnbounded(t *testing.T) {
	rows := []struct {
		schema string
		faults []string
	}{
		{`{type: string}`, []string{" has no maxLength"}},
		{`{type: string, maxLength: 1}`, nil},
		{`{type: string, enum: [a]}`, nil},
		{`{type: string, format: date-time}`, nil},
		{`{type: string, format: uri}`, []string{" has no maxLength"}},
		{`{type: string, pattern: '^a*$'}`, []string{" has no maxLength"}},
		{`{type: integer}`, nil},
		{`{type: array, items: {type: integer}}`, []string{" has no maxItems"}},
		{`{type: array, maxItems: 1, items: {type: string}}`, []string{"[] has no maxLength"}},
		{`{type: array, items: {type: object, properties: {a: {type: string}}}}`, []string{" has no maxItems", "[].a has no maxLength"}},
		{`{type: object, additionalProperties: {type: integer}}`, []string{" has no maxProperties"}},
		{`{type: object, maxProperties: 1, additionalProperties: {type: string}}`, []string{"{} has no maxLength"}},
		{`{type: object, properties: {b: {type: object, properties: {a: {type: string}}}}}`, []string{".b.a has no maxLength"}},
		{`{type: object, x-kubernetes-preserve-unknown-fields: true}`, []string{" accepts what the schema does not describe"}},
		{`{x-kubernetes-int-or-string: true}`, []string{" accepts what the schema does not describe"}},
		{`{}`, []string{" has no type"}},
	}
	for _, row := range rows {
		t.Run(row.schema, func(t *testing.T) {
			var parsed apiextensionsv1.JSONSchemaProps
			if err := yaml.UnmarshalStrict([]byte(row.schema), &parsed); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.faults, unbounded(parsed, "")); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// The controller shortens by the constants what the CRD limits.
func TestLimitsOfTheCodeAreThoseOfTheCRD(t *testing.T) {
	status := crdSchema(t).Properties["status"]
	attempt := status.Properties["lastAttempt"]
	for _, row := range []struct {
		field    string
		schema   apiextensionsv1.JSONSchemaProps
		constant int64
	}{
		{"url", status.Properties["url"], v1alpha1.MaxURLLength},
		{"lastHandledRenewRequest", status.Properties["lastHandledRenewRequest"], v1alpha1.MaxRenewRequestLength},
		{"lastAttempt.renewRequest", attempt.Properties["renewRequest"], v1alpha1.MaxRenewRequestLength},
		{"lastAttempt.message", attempt.Properties["message"], v1alpha1.MaxAttemptMessageLength},
		{"lastAttempt.inputs.endpoint", attempt.Properties["inputs"].Properties["endpoint"], v1alpha1.MaxEndpointLength},
		{"issuedFor.endpoint", status.Properties["issuedFor"].Properties["endpoint"], v1alpha1.MaxEndpointLength},
	} {
		if got := ptr.Deref(row.schema.MaxLength, 0); got != row.constant {
			t.Errorf("the CRD limits status.%s to %d characters, the code to %d", row.field, got, row.constant)
		}
	}
}

var (
	// Kubernetes' conventions ask for requirements that say what a value must be.
	requirement = regexp.MustCompile("^(`[a-zA-Z.]+` |each key )?must ")
	// They also ask for backquotes around the names of fields.
	bareField = regexp.MustCompile("(^|[^`a-zA-Z.])(spec|status|metadata)\\.[a-z]")
	vague     = regexp.MustCompile(`(?i)\b(should|may not|cannot|please)\b`)
)

func TestRefusalsFollowTheConventions(t *testing.T) {
	rules := rulesOf(crdSchema(t), "")
	if len(rules) < 10 {
		t.Fatalf("only the rules of %q were found", slices.Sorted(maps.Keys(rules)))
	}
	for path, message := range rules {
		switch {
		case !requirement.MatchString(message):
			t.Errorf("%s: the message does not say what the value must be: %s", path, message)
		case bareField.MatchString(message):
			t.Errorf("%s: a field's name has no backquotes: %s", path, message)
		case vague.MatchString(message):
			t.Errorf("%s: the message leaves room for doubt: %s", path, message)
		}
	}
}

// rulesOf returns the messages of all CEL rules by the path and number of the rule.
func rulesOf(schema apiextensionsv1.JSONSchemaProps, path string) map[string]string {
	rules := map[string]string{}
	for i, rule := range schema.XValidations {
		rules[fmt.Sprintf("%s rule %d", path, i)] = rule.Message
	}
	if schema.AdditionalProperties != nil {
		maps.Copy(rules, rulesOf(*schema.AdditionalProperties.Schema, path+"{}"))
	}
	if schema.Items != nil {
		maps.Copy(rules, rulesOf(*schema.Items.Schema, path+"[]"))
	}
	for name, property := range schema.Properties {
		maps.Copy(rules, rulesOf(property, path+"."+name))
	}
	return rules
}
