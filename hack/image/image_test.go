package image

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

// source compiles within seconds for any platform.
const source = "package main\n\nfunc main() { println(\"hello\") }\n"

// tree is a repository with minimal commands.
var tree = map[string]string{
	"go.mod":                      "module example.com/tree\n\ngo 1.26.0\n",
	"cmd/billing-link/main.go":    source,
	"cmd/kubectl-billing/main.go": source,
	"cmd/manager/main.go":         source,
}

func newTree(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range tree {
		file := filepath.Join(root, filepath.FromSlash(name))
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(text), 0o600))
	}
	return root
}

// The Dockerfile is for people who build with an engine. It must run the same programs as
// the same user.
func TestDockerfileAgrees(t *testing.T) {
	text := string(read(t, filepath.Join("..", "..", "Dockerfile")))
	_, final, _ := strings.Cut(text, "\nFROM scratch\n")
	want := []string{}
	for _, server := range Servers {
		name := path.Base(server)
		want = append(want, "COPY --from=build /servers/"+name+" /"+name)
	}
	want = append(want, "USER "+nobody, `ENTRYPOINT ["/`+path.Base(Servers[0])+`"]`)
	if diff := cmp.Diff(want, strings.Split(strings.TrimSpace(final), "\n")); diff != "" {
		t.Errorf("the last stage (-want +got):\n%s", diff)
	}
	goVersion, err := gobuild.Toolchain(filepath.Join("..", ".."))
	must(t, err)
	flags := gobuild.LinkerFlags("${VERSION}", "${REVISION}")
	for _, part := range []string{"CGO_ENABLED=0", "go build " + gobuild.Flags + ` -ldflags "` + flags + `"`, "ARG GO_VERSION=" + strings.TrimPrefix(goVersion, "go") + "\n"} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not build with %s", part)
		}
	}
}

func TestAPlatformHasAnOperatingSystem(t *testing.T) {
	_, err := Build(t.Context(), Spec{Packages: Servers, Platforms: []string{"arm64"}, Name: "operator:v1"})
	if err == nil || !strings.Contains(err.Error(), "such as linux/amd64") {
		t.Errorf("got %v, want the cure", err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	return content
}

// must ends the test if something that it needs fails.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
