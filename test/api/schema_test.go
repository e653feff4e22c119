package api_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func readCRD(t *testing.T) apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	text, err := os.ReadFile("../../config/crd/bases/billing.xtracta.com_billingsessions.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &crd); err != nil {
		t.Fatal(err)
	}
	return crd
}

// crdSchema is the schema of a BillingSession as the CRD declares it.
func crdSchema(t *testing.T) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	return *readCRD(t).Spec.Versions[0].Schema.OpenAPIV3Schema
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
