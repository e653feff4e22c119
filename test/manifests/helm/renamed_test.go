package helm

import (
	"strings"
	"testing"
)

// A value that the schema or the templates ignored would do nothing, and nobody would notice.
func TestFormerNamesAreRefusedWithTheNewOne(t *testing.T) {
	for _, row := range []struct{ values, former, now string }{
		{`replicas: 3`, "replicas", "replicaCount"},
		{`replicas: 2`, "replicas", "replicaCount"}, // the default, as --reuse-values gives it
		{`replicas: 0`, "replicas", "replicaCount"},
		{`image: {pullSecrets: [registry]}`, "image.pullSecrets", "imagePullSecrets"},
		{`image: {pullSecrets: []}`, "image.pullSecrets", "imagePullSecrets"},
		{`crds: {install: true}`, "crds.install", "crds.enabled"},
		{`crds: {install: false}`, "crds.install", "crds.enabled"},
		{`{crds: {install: false, enabled: false}, replicas: 1}`, "crds.install", "crds.enabled"},
	} {
		t.Run(row.values, func(t *testing.T) {
			t.Parallel()
			_, err := template(t, release, row.values)
			if err == nil || !strings.Contains(err.Error(), row.former+" is now called "+row.now) {
				t.Errorf("%v\nwant it refused, as %s is now called %s", err, row.former, row.now)
			}
		})
	}
}

func TestFormerNamesMayBeNull(t *testing.T) {
	t.Parallel()
	nulls := `{replicas: null, image: {pullSecrets: null}, crds: {install: null}}`
	if mustTemplate(t, chart, nulls) != mustTemplate(t, chart, "") {
		t.Error("a null under a former name changes something")
	}
}
