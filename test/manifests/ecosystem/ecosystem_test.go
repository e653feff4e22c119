// Package ecosystem shows the samples for other tools to a real API server with those tools'
// own definitions: a field that one of them does not know is refused.
package ecosystem

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

func TestMain(m *testing.M) { env.Main(m) }

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

func TestTheirDefinitionsAcceptTheSamples(t *testing.T) {
	cluster := env.NewCluster(t, controlplane.Options{CRDDirs: definitions(t)})
	strict := manifests.NewStrict(t, cluster.Config())
	manifests.Namespace(t, strict, "flux-system")
	for _, path := range samples {
		t.Run(path, func(t *testing.T) {
			namespace := manifests.NewNamespace(t, strict)
			for _, object := range read(t, path) {
				unknown := object.DeepCopy()
				if err := manifests.Apply(t.Context(), strict, object, namespace); err != nil {
					t.Error(err)
				}
				refusesUnknown(t, strict, unknown, namespace)
			}
		})
	}
	for _, warning := range strict.Warnings() {
		t.Errorf("the API server warns: %s", warning)
	}
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

func read(t *testing.T, path string) manifests.Manifest {
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

// A sample whose parts name each other wrongly is accepted by every definition.
func TestKeysReachTheirSessions(t *testing.T) {
	for path, want := range map[string]struct{ kind, name, entry string }{
		"samples/keys/external-secret.yaml": {"ExternalSecret", "spec.target.name", "spec.data"},
		"samples/keys/sealed-secret.yaml":   {"SealedSecret", "metadata.name", "spec.encryptedData"},
	} {
		objects := read(t, path)
		session := manifests.Only[v1alpha1.BillingSession](t, objects, "BillingSession")
		source := objects.OfKind(want.kind)[0].Object
		entry := session.Spec.APIKeySecretRef.Key
		if entry == "" {
			entry = "api-key" // the default
		}
		if name := at(t, source, want.name); name != session.Spec.APIKeySecretRef.Name {
			t.Errorf("%s writes the Secret %q, and its session reads %q", path, name, session.Spec.APIKeySecretRef.Name)
		}
		if entries := at(t, source, want.entry); !has(entries, entry) {
			t.Errorf("%s writes the entries %v, and its session reads %q", path, entries, entry)
		}
	}
}

func TestTheStoreOfTheKeyIsThere(t *testing.T) {
	objects := read(t, "samples/keys/external-secret.yaml")
	store := objects.OfKind("SecretStore")[0].GetName()
	if got := at(t, objects.OfKind("ExternalSecret")[0].Object, "spec.secretStoreRef.name"); got != store {
		t.Errorf("the key comes from the store %v, and the sample has %q", got, store)
	}
	push := read(t, "samples/push-secret.yaml")[0].Object
	if refs := at(t, push, "spec.secretStoreRefs"); !has(refs, store) {
		t.Errorf("the URL goes to the stores %v, and the sample of the key has %q", refs, store)
	}
}

func TestThePushedSecretIsTheGeneratedOne(t *testing.T) {
	session := manifests.Only[v1alpha1.BillingSession](t, read(t, "samples/minimal.yaml"), "BillingSession")
	push := read(t, "samples/push-secret.yaml")[0].Object
	if name := at(t, push, "spec.selector.secret.name"); name != session.Name {
		t.Errorf("the Secret %v is pushed, and the session generates %q", name, session.Name)
	}
	for _, entry := range []string{v1alpha1.SecretKeyURL, v1alpha1.SecretKeyExpire} {
		if data := at(t, push, "spec.data"); !has(data, entry) {
			t.Errorf("the entry %q is not pushed: %v", entry, data)
		}
	}
}

func TestTheRouteLeadsToTheLink(t *testing.T) {
	link := manifests.Rendered(t, "samples/link")
	service := manifests.Only[corev1.Service](t, link, "Service")
	route := read(t, "samples/link/httproute.yaml")[0].Object
	backends := at(t, route, "spec.rules").([]any)[0].(map[string]any)["backendRefs"].([]any)
	backend := backends[0].(map[string]any)
	if got, want := fmt.Sprint(backend["name"], ":", backend["port"]), fmt.Sprint(service.Name, ":", service.Spec.Ports[0].Port); got != want {
		t.Errorf("the route leads to %s, and the Service is %s", got, want)
	}
	host := at(t, route, "spec.hostnames").([]any)[0].(string)
	proxy := manifests.Only[appsv1.Deployment](t, link, "Deployment")
	if args := strings.Join(proxy.Spec.Template.Spec.Containers[1].Args, "\n"); !strings.Contains(args, "https://"+host+"/") {
		t.Errorf("the route's host is %s, and the login returns to another:\n%s", host, args)
	}
}

// at returns the value of a path such as spec.target.name.
func at(t *testing.T, object map[string]any, path string) any {
	t.Helper()
	value, found, err := unstructured.NestedFieldNoCopy(object, strings.Split(path, ".")...)
	if err != nil || !found {
		t.Fatalf("there is no %s: %v", path, err)
	}
	return value
}

// has reports whether a name is among the values, or among the keys, anywhere below.
func has(within any, name string) bool {
	switch v := within.(type) {
	case string:
		return v == name
	case []any:
		for _, item := range v {
			if has(item, name) {
				return true
			}
		}
	case map[string]any:
		for key, item := range v {
			if key == name || has(item, name) {
				return true
			}
		}
	}
	return false
}
