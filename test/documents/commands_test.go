// Package documents runs the commands that the documents show, as a reader types them: with
// bash, kubectl, Helm and Kustomize, against a real API server with the real operator and the
// stand-in of the endpoint.
package documents

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

// command is what a reader copies from a document into a shell.
type command struct{ document, text string }

// commands returns the commands of all documents: indented blocks, and lines that begin with
// a dollar sign in fenced ones.
func commands(t *testing.T) (all []command) {
	t.Helper()
	documents, err := exec.Command("git", "ls-files", "--full-name", ":/*.md").Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	for _, document := range strings.Fields(string(documents)) {
		text, err := os.ReadFile(filepath.Join(root, document))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range commandsIn(string(text)) {
			all = append(all, command{document, found})
		}
	}
	return all
}

func commandsIn(text string) (found []string) {
	fenced, block := false, false // in a fenced block, in an indented one
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line, indented := strings.CutPrefix(lines[i], "    ")
		switch {
		case strings.HasPrefix(lines[i], "```"):
			fenced = !fenced
		case fenced:
			if prompted, ok := strings.CutPrefix(lines[i], "$ "); ok {
				found = append(found, prompted)
			}
		// What is indented after a paragraph continues it.
		case indented && (block || i > 0 && lines[i-1] == "") && !strings.HasPrefix(line, " "):
			for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
				i++
				line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(lines[i])
			}
			found = append(found, withoutComment.ReplaceAllString(line, ""))
			block = true
			continue
		}
		block = false
	}
	return found
}

var withoutComment = regexp.MustCompile(`\s+# .*$`)

func TestCommandsAreFound(t *testing.T) {
	const text = "Text:\n\n    one a   # why\n    two \\\n      b\n\n- item\n    no command\n\n```\n$ three\noutput\n    no command\n```\n"
	if got := commandsIn(text); !slices.Equal(got, []string{"one a", "two b", "three"}) {
		t.Errorf("found %q", got)
	}
}

// TestEveryCommandIsRun finds commands that no step runs and that no other place vouches for.
func TestEveryCommandIsRun(t *testing.T) {
	shown := commands(t)
	run := map[string]bool{}
	for _, s := range steps() {
		run[find(t, shown, s.document, s.command)] = true
	}
	for _, e := range elsewhere {
		found := false
		for _, c := range shown {
			if strings.HasPrefix(c.text, e.command) {
				found, run[c.text] = true, true
			}
		}
		if !found {
			t.Errorf("no document shows %q any more", e.command)
		}
		if proof, err := os.ReadFile(filepath.Join(root, e.file)); err != nil || !bytes.Contains(proof, []byte(e.proof)) {
			t.Errorf("%q: %s does not have %q (%v)", e.command, e.file, e.proof, err)
		}
	}
	for _, c := range shown {
		if !run[c.text] {
			t.Errorf("no test runs this command of %s: %s\nAdd it to steps, or to elsewhere", c.document, c.text)
		}
	}
}

// find returns the one command of a document that is so, or begins so.
func find(t *testing.T, shown []command, document, beginning string) string {
	t.Helper()
	var found []string
	for _, c := range shown {
		if c.document == document && c.text == beginning {
			return c.text
		}
		if c.document == document && strings.HasPrefix(c.text, beginning) && !slices.Contains(found, c.text) {
			found = append(found, c.text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d commands that begin with %q, want one: %q", document, len(found), beginning, found)
	}
	return found[0]
}

// elsewhere are commands that cannot be run here, each with a file that shows who runs it or
// what it depends on.
var elsewhere = []struct{ command, why, file, proof string }{
	{"git clone", "it needs the internet", "go.mod", "module github.com/xtracta/billing-operator\n"},
	{"make demo", "it takes more than a minute", "Makefile", "\ndemo: bin/demo"},
	{"make run", "it does not end", "Makefile", "\nrun: bin/demo"},
	{"make test", "it runs this test", ".ci/run", "for target in verify lint test gitops"},
	{".ci/run", "it runs this test", ".ci/run", "All checks passed"},
	{"make image", "hack/image and e2e build the image", "test/e2e/cluster_test.go", "./hack/image"},
	{"skopeo copy --all oci-archive:dist/image.tar docker:", "it needs a registry", "hack/image/main.go", "dist/image.tar"},
	{"make release VERSION=", "hack/release makes two", "hack/release/release_test.go", "func TestTheSameCommitGivesTheSameBytes("},
	{"make push REGISTRY=", "hack/release pushes to a registry", "hack/release/push_test.go", "func TestPush("},
	{"sha256sum --check --ignore-missing SHA256SUMS", "it needs a release", "hack/release/release_test.go", `"sha256sum", "--check"`},
	{"cosign verify-blob SHA256SUMS", "it needs a published release", ".github/workflows/release.yml", "make sign"},
	{"cosign verify ghcr.io/", "it needs a published release", ".github/workflows/release.yml", "make sign"},
	{"gh attestation verify oci:", "it needs a published release", ".github/workflows/release.yml", "attest-build-provenance"},
	{"gh attestation verify install.yaml", "it needs a published release", ".github/workflows/release.yml", "attest-build-provenance"},
	{"git checkout v0.1.0 && make release", "there is no such tag yet", "hack/release/release_test.go", "func TestTheSameCommitGivesTheSameBytes("},
	{"git checkout COMMIT && make image", "COMMIT is the reader's", "hack/image/image_test.go", "func TestSameSourcesGiveTheSameBytes"},
	{"skopeo inspect --raw oci-archive:dist/image.tar", "hack/image and e2e build the image", "hack/image/main.go", "dist/image.tar"},
	{"skopeo inspect --raw docker:", "it needs a registry", "hack/image/main.go", "dist/image.tar"},
	{"go test ./controllers/renewal -run TestDecide/what_has_to_wait", "make test runs it", "controllers/renewal/decide_test.go", "func TestDecide("},
	{"make assets && go test ./test/integration -run TestControllerWrites", "make test runs it", "test/integration/situations_test.go", "func TestControllerWrites"},
	{"go test ./controllers/endpoint -run '^$' -fuzz '^FuzzClassify$'", "make fuzz runs it", "controllers/endpoint/fuzz_test.go", "func FuzzClassify("},
	{"go test ./test/process/plugin -update", "it writes files", "test/process/plugin/golden_test.go", `flag.Bool("update"`},
	{"go test ./test/process/plugin -run TestList -v", "make test runs it", "test/process/plugin/list_test.go", "func TestList("},
	{"go run ./hack/controlplane/assets", "make assets runs it", "Makefile", "./hack/controlplane/assets"},
	{"go run ./hack/standin", "it does not end; its tests run it", "hack/standin/main_test.go", "--control"},
	{"cd hack/tools && go get", "it needs the internet", "hack/tools/go.mod", "github.com/golangci/golangci-lint/v2"},
	{"copy kubectl-billing.exe", "it is for Windows", "test/process/plugin/completion_test.go", "kubectl_complete-billing"},
	{"kubectl billing explain initech", "the plugin's tests hold the sentences", "test/process/plugin/live_test.go", `s.plugin("explain"`},
	{"kubectl billing suspend acme", "the plugin's tests play Git's part", "test/process/plugin/gitops_test.go", `"suspend"`},
	{"curl -si http://127.0.0.1:8080/", "the link's tests ask it", "cmd/billing-link/link_test.go", "StatusSeeOther"},
	{"kubectl run ask-endpoint", "it needs a cluster whose nodes run pods", "cmd/manager/flags.go", "https://api-app.xtracta.com/v1/billings/billing_ui"},
	{"kubectl debug node/NODE", "it needs a cluster whose nodes run pods", "config/prometheus/alerts.yaml", "alert: BillingEndpointClockSkew"},
}
