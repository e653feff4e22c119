package ecosystem

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// The annotations that keep each tool from deleting the CustomResourceDefinition.
var keepers = map[string]string{
	"helm.sh/resource-policy":           "keep",
	"kustomize.toolkit.fluxcd.io/prune": "disabled",
	"argocd.argoproj.io/sync-options":   "Prune=false,Delete=false",
}

// A value that the chart does not know is refused by its schema, and one that it knows must not
// take the CustomResourceDefinition with it.
func TestChartsAreInstalledWithTheirCRDKept(t *testing.T) {
	for _, row := range []struct {
		path, kind, values, release string
		source, version             string
	}{
		{"flux/operator/helm.yaml", "HelmRelease", "spec.values", "spec.releaseName", "OCIRepository", "spec.ref.tag"},
		{"argocd/operator/helm.yaml", "Application", "spec.source.helm.valuesObject", "spec.source.helm.releaseName",
			"Application", "spec.source.targetRevision"},
	} {
		t.Run(row.path, func(t *testing.T) {
			installation := read(t, row.path).OfKind(row.kind)[0].Object
			text, err := yaml.Marshal(at(t, installation, row.values))
			if err != nil {
				t.Fatal(err)
			}
			if release := at(t, installation, row.release); release != "billing-operator" {
				t.Errorf("the release is called %v, which is in every object's name", release)
			}
			objects := templated(t, text)
			keptIn(t, objects)
			_, version, _ := strings.Cut(objects.OfKind("Deployment")[0].GetLabels()["helm.sh/chart"], "billing-operator-")
			if got := at(t, read(t, row.path).OfKind(row.source)[0].Object, row.version); got != version {
				t.Errorf("version %v of the chart is installed, and it is %s", got, version)
			}
		})
	}
}

// An image that Kustomize does not find is passed over in silence, and the cluster pulls the
// default.
func TestKustomizationsInstallTheirImageWithTheCRDKept(t *testing.T) {
	operator := manifests.Rendered(t, "default")
	keptIn(t, operator)
	manager := manifests.Only[appsv1.Deployment](t, operator, "Deployment").Spec.Template.Spec.Containers[0].Image
	name, tag, _ := strings.Cut(manager, ":")

	flux := read(t, "flux/operator/kustomize.yaml")
	image := at(t, flux.OfKind("Kustomization")[0].Object, "spec.images").([]any)[0].(map[string]any)
	if image["name"] != name {
		t.Errorf("Flux replaces the image %v, and the manager's is %s", image["name"], name)
	}
	if of := at(t, flux.OfKind("GitRepository")[0].Object, "spec.ref.tag"); of != tag || image["newTag"] != tag {
		t.Errorf("Flux installs %v with the image of %v, and the manager is %s", of, image["newTag"], tag)
	}

	argo := read(t, "argocd/operator/kustomize.yaml")[0].Object
	override := at(t, argo, "spec.source.kustomize.images").([]any)[0].(string)
	if of := at(t, argo, "spec.source.targetRevision"); !strings.HasPrefix(override, name+"=") || !strings.HasSuffix(override, ":"+tag) || of != tag {
		t.Errorf("Argo CD installs %v with the image %s, and the manager is %s", of, override, manager)
	}
}

func keptIn(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	definitions := objects.OfKind("CustomResourceDefinition")
	if len(definitions) != 1 {
		t.Fatalf("there are %d CustomResourceDefinitions", len(definitions))
	}
	for annotation, want := range keepers {
		if got := definitions[0].GetAnnotations()[annotation]; got != want {
			t.Errorf("the annotation %s is %q, want %q", annotation, got, want)
		}
	}
}

// templated is the chart with these values.
func templated(t *testing.T, values []byte) manifests.Manifest {
	t.Helper()
	helm := exec.CommandContext(t.Context(), env.Path("bin", "tools", "helm"), "template", "billing-operator", env.Path("config", "chart"), "--values", "-")
	home := t.TempDir() // so that nothing on this machine counts
	helm.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	helm.Stdin = bytes.NewReader(values)
	var complaints bytes.Buffer
	helm.Stderr = &complaints
	text, err := helm.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &complaints)
	}
	objects, err := manifests.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
