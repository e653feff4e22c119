package secret

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/endpoint"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// Each file is a Secret as some version of the operator wrote it. Every later one must take it
// for its own as it is: a Secret that counts as edited is written anew, and one whose inputs
// count as changed costs a request, for each session of a cluster at once.
func TestWhatEarlierVersionsStoredIsStillOurs(t *testing.T) {
	t.Parallel()
	key, err := endpoint.ParseKey([]byte("0123456789abcdef0123456789abcdef01234567"))
	must(t, err)
	session := builders.Session("acme", builders.In("finance"), builders.SecretName("acme-billing"), builders.Purge(v1alpha1.PurgeProcess),
		builders.Expiration(600), builders.Template(map[string]v1alpha1.LabelValue{"team": "finance"}, map[string]v1alpha1.AnnotationValue{"example.com/note": "hello"}))
	session.UID = "session-uid"
	files, err := filepath.Glob(filepath.Join("testdata", "secret-*.yaml"))
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			must(t, err)
			var stored corev1.Secret
			must(t, yaml.UnmarshalStrict(text, &stored))
			state, grant := inspect(session, &stored, anyHost)
			if state != renewal.SecretOurs {
				t.Fatalf("inspected as %d", state)
			}
			inputs := grant.Inputs
			inputs.KeySecretResourceVersion = "8" // applied again with the same value
			facts := renewal.Facts{
				Now: time.Date(2030, 1, 1, 10, 1, 0, 0, time.UTC), UID: "session-uid", Secret: state, InSecret: grant.Timing(), Issued: true,
				Key: renewal.KeyRead, Inputs: inputs, Fingerprint: Fingerprint(key, inputs),
			}
			if plan := renewal.Decide(facts); plan.Rule != renewal.RuleNothingToDo {
				t.Errorf("it is not left alone: %+v", plan)
			}
		})
	}
}
