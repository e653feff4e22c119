package manifests_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// samples are those for tools that have definitions of their own. Argo CD's are read by its own
// code, in test/gitops/argocd.
var samples = []string{
	"samples/keys/external-secret.yaml",
	"samples/keys/sealed-secret.yaml",
	"samples/keys/sops.yaml",
	"samples/push-secret.yaml",
	"samples/link/httproute.yaml",
	"flux/operator/helm.yaml",
	"flux/operator/kustomize.yaml",
	"flux/sync.yaml",
	"flux/together.yaml",
}

// A field that one of the tools does not know is refused.
func TestTheirDefinitionsAcceptTheSamples(t *testing.T) {
	strict := strictClient(t)
	options := envtest.CRDInstallOptions{Paths: definitions(t), ErrorIfPathMissing: true}
	if _, err := envtest.InstallCRDs(cluster(t).Config(), options); err != nil {
		t.Fatal(err)
	}
	manifests.Namespace(t, strict, "flux-system")
	for _, path := range samples {
		t.Run(path, func(t *testing.T) {
			namespace := manifests.NewNamespace(t, strict)
			for _, object := range sample(t, path) {
				unknown := object.DeepCopy()
				if err := manifests.Apply(t.Context(), strict, object, namespace); err != nil {
					t.Error(err)
				}
				refusesUnknown(t, strict, unknown, namespace)
			}
		})
	}
	expectNoWarnings(t, strict)
}

// refusesUnknown holds that the definition of a kind is there and is not open to all fields.
func refusesUnknown(t *testing.T, strict *manifests.Strict, object *unstructured.Unstructured, namespace string) {
	t.Helper()
	if err := unstructured.SetNestedField(object.Object, "x", "spec", "unknown"); err != nil {
		t.Fatal(err)
	}
	if err := manifests.Apply(t.Context(), strict, object, namespace); err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("%s with an unknown field: %v", object.GetKind(), err)
	}
}

// Every file of these folders must be among the samples above, or somebody adds one that nobody
// looks at.
func TestNoSampleIsForgotten(t *testing.T) {
	for _, folder := range []string{"samples/keys", "flux", "flux/operator"} {
		paths, err := filepath.Glob(env.Path("config", filepath.FromSlash(folder), "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if name := folder + "/" + filepath.Base(path); !slices.Contains(samples, name) {
				t.Errorf("%s is not tested", name)
			}
		}
	}
}

func sample(t *testing.T, path string) manifests.Manifest {
	t.Helper()
	file, err := os.Open(env.Path("config", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	objects, err := manifests.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// place is what a sample, or a folder of config/ that Kustomize renders, holds at a path (see find).
type place struct{ sample, kind, path string }

func (p place) find(t *testing.T) string {
	t.Helper()
	if strings.HasSuffix(p.sample, ".yaml") {
		return find(t, sample(t, p.sample).OfKind(p.kind), p.path)
	}
	return find(t, manifests.Rendered(t, p.sample).OfKind(p.kind), p.path)
}

// A sample whose parts name each other wrongly is accepted by every definition. An image that
// Kustomize does not find is passed over in silence, and the cluster pulls the default.
func TestSamplesAgree(t *testing.T) {
	const (
		external, sealed = "samples/keys/external-secret.yaml", "samples/keys/sealed-secret.yaml"
		push, route      = "samples/push-secret.yaml", "samples/link/httproute.yaml"
		flux, argo       = "flux/operator/kustomize.yaml", "argocd/operator/kustomize.yaml"
		ours             = "ghcr.io/xtracta/billing-operator"
	)
	image := place{"default", "Deployment", "{.spec.template.spec.containers[*].image}"}
	for why, pair := range map[string][2]place{
		"the session reads the external Secret, by the default entry": {
			{external, "ExternalSecret", "{.spec.target.name} {.spec.data[*].secretKey}"}, {external, "BillingSession", "{.spec.apiKeySecretRef.name} api-key"}},
		"the session reads the sealed Secret, by the default entry": {
			{sealed, "SealedSecret", "{.metadata.name} {.spec.encryptedData['api-key']}"}, {sealed, "BillingSession", "{.spec.apiKeySecretRef.name} replace-me"}},
		"the key comes from the store": {
			{external, "ExternalSecret", "{.spec.secretStoreRef.name}"}, {external, "SecretStore", "{.metadata.name}"}},
		"the URL goes to the store": {
			{push, "PushSecret", "{.spec.secretStoreRefs[*].name}"}, {external, "SecretStore", "{.metadata.name}"}},
		"the generated Secret is pushed": {
			{push, "PushSecret", "{.spec.selector.secret.name} {.spec.data[*].match.secretKey}"}, {"samples/minimal.yaml", "BillingSession", "{.metadata.name} url expire"}},
		"the route leads to the link": {
			{route, "HTTPRoute", "{.spec.rules[0].backendRefs[0].name}:{.spec.rules[0].backendRefs[0].port}"}, {"samples/link", "Service", "{.metadata.name}:{.spec.ports[0].port}"}},
		"the login returns to the route's host": {
			{route, "HTTPRoute", "--redirect-url=https://{.spec.hostnames[0]}/oauth2/callback"}, {"samples/link", "Deployment", "{.spec.template.spec.containers[1].args[2]}"}},
		"Flux replaces the image": {
			{flux, "Kustomization", "{.spec.images[0].name}:devel"}, image},
		"Flux takes the commit of the image": {
			{flux, "GitRepository", "{.spec.ref.tag}"}, {flux, "Kustomization", "{.spec.images[0].newTag}"}},
		"Argo CD replaces the image": {
			{argo, "Application", "{.spec.source.kustomize.images[0]}"},
			{argo, "Application", ours + "=registry.example.com/billing-operator:{.spec.source.targetRevision}"}},
	} {
		if one, other := pair[0].find(t), pair[1].find(t); one != other || one == "" {
			t.Errorf("%s: %s has %q, %s has %q", why, pair[0].sample, one, pair[1].sample, other)
		}
	}
}

// A value that the chart does not know is refused by its schema, and one that it knows must not
// take the CustomResourceDefinition with it.
func TestChartsAreInstalledWithTheirCRDKept(t *testing.T) {
	for _, row := range []struct{ path, kind, helm, values, source, version string }{
		{"flux/operator/helm.yaml", "HelmRelease", "{.spec", ".values}", "OCIRepository", "{.spec.ref.tag}"},
		{"argocd/operator/helm.yaml", "Application", "{.spec.source.helm", ".valuesObject}", "Application", "{.spec.source.targetRevision}"},
	} {
		t.Run(row.path, func(t *testing.T) {
			objects := sample(t, row.path)
			installs := objects.OfKind(row.kind)
			if got := find(t, installs, row.helm+".releaseName}"); got != release {
				t.Errorf("the release is called %v, which is in every object's name", got)
			}
			installed := rendered(t, find(t, installs, row.helm+row.values))
			expectCRDKept(t, installed)
			got := "billing-operator-" + find(t, objects.OfKind(row.source), row.version)
			if want := find(t, installed.OfKind("Deployment"), `{.metadata.labels.helm\.sh/chart}`); got != want {
				t.Errorf("%s is installed, and the chart is %s", got, want)
			}
		})
	}
}
