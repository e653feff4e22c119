package documents

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
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
	if err != nil {
		t.Fatal(err)
	}
	const released = "https://github.com/xtracta/billing-operator//config/default?ref=v0.1.0"
	overlay := strings.Replace(string(shown[1]), released, base, 1)
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(overlay), 0o600); err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("make", "--no-print-directory", "-C", root, "bin/tools/kustomize").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	rendered, err := exec.Command(filepath.Join(root, "bin", "tools", "kustomize"), "build", dir).CombinedOutput()
	if err != nil || !strings.Contains(string(rendered), "image: registry.example.com/billing-operator:v0.1.0\n") {
		t.Errorf("it does not name the image: %v\n%s", err, rendered)
	}
}
