package documents

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// TestOverlayNamesTheImage builds the overlay of config/README.md, over this checkout instead of
// the released version.
func TestOverlayNamesTheImage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, config))
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```yaml\n(# kustomization.yaml.+?)```\n").FindSubmatch(text)
	if shown == nil {
		t.Fatal("there is no overlay")
	}
	dir := t.TempDir()
	base, err := filepath.Abs(filepath.Join(root, "config", "default"))
	if err == nil {
		base, err = filepath.Rel(dir, base) // Kustomize refuses absolute paths
	}
	if err == nil {
		const released = "https://github.com/xtracta/billing-operator//config/default?ref=VERSION"
		overlay := strings.NewReplacer(released, base, "VERSION", version).Replace(string(shown[1]))
		err = os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(overlay), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	manager := manifests.Only[appsv1.Deployment](t, manifests.Kustomize(t, dir), "Deployment").Spec.Template.Spec.Containers[0]
	if manager.Image != image {
		t.Errorf("it names the image %s, want %s", manager.Image, image)
	}
}
