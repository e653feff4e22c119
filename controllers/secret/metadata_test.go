package secret

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// A template of one key is followed as one of many is, and an empty one leaves no trace: a
// trace would cost an update of each Secret whose session has `secretTemplate: {}`.
func TestTemplateOfOneKeyOrNone(t *testing.T) {
	t.Parallel()
	plain := WithMetadata(owner(), nil)
	for name, session := range map[string]*v1alpha1.BillingSession{
		"label":      owner(builders.Template(map[string]v1alpha1.LabelValue{"team": "finance"}, nil)),
		"annotation": owner(builders.Template(nil, map[string]v1alpha1.AnnotationValue{"team": "finance"})),
	} {
		secret := WithMetadata(session, nil)
		added := maps.Clone(secret.Labels)
		maps.Copy(added, secret.Annotations)
		if added["team"] != "finance" {
			t.Errorf("the %s is not there: %v", name, added)
		}
		if diff := cmp.Diff(plain, WithMetadata(owner(), secret)); diff != "" {
			t.Errorf("the %s has left the template, and something of it stays (-want +got)\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(plain, WithMetadata(owner(builders.Template(nil, nil)), nil)); diff != "" {
		t.Errorf("an empty template differs from none (-none +empty)\n%s", diff)
	}
}
