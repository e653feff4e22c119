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

// TestEveryCommandIsRun finds commands that no step runs, that nothing can be told of without running them, and
// that no row of notHere excuses.
func TestEveryCommandIsRun(t *testing.T) {
	shown := commands(t)
	done := map[string]bool{}
	for _, s := range steps() {
		done[find(t, shown, s.document, s.command)] = true
	}
	for _, row := range notHere {
		before := len(done)
		for _, c := range shown {
			if strings.HasPrefix(c.text, row.command) {
				done[c.text] = true
			}
		}
		if len(done) == before {
			t.Errorf("no document shows %q any more", row.command)
		}
	}
	for _, c := range shown {
		if done[c.text] {
			continue
		}
		if problem := withoutRunning(t, c.text); problem != "" {
			t.Errorf("no test runs this command of %s: %s\n%s\nMend it, or add it to steps or to notHere", c.document, c.text, problem)
		}
		done[c.text] = true
	}
}

// withoutRunning is what is wrong with a command that takes too long to be run, as far as that can be told: of make that it
// knows the targets, of tests and programs of this repository that they are there.
func withoutRunning(t *testing.T, text string) (problem string) {
	t.Helper()
	for part := range strings.SplitSeq(text, " && ") {
		word, rest, _ := strings.Cut(part, " ")
		switch {
		case word == "make":
			if output, err := exec.CommandContext(t.Context(), "bash", "-c", "make -C "+root+" --dry-run "+rest).CombinedOutput(); err != nil {
				return string(output)
			}
		case strings.HasPrefix(word, ".ci/"), strings.HasSuffix(word, ".sh"):
			if info, err := os.Stat(filepath.Join(root, word)); err != nil || info.Mode().Perm()&0o111 == 0 {
				return "there is no such program"
			}
		case word != "go" || !strings.Contains(rest, " ./"):
			return "it cannot be judged without running it"
		}
		for _, folder := range folders.FindAllStringSubmatch(part, -1) {
			files, _ := filepath.Glob(filepath.Join(root, folder[1], "*.go"))
			if len(files) == 0 {
				return "there is no Go in " + folder[1]
			}
			for _, name := range tests.FindAllString(part, -1) {
				declares := func(file string) bool {
					source, err := os.ReadFile(file)
					return err == nil && bytes.Contains(source, []byte("\nfunc "+name)) // -run takes beginnings
				}
				if !slices.ContainsFunc(files, declares) {
					return folder[1] + " has no " + name
				}
			}
		}
	}
	return ""
}

var (
	folders = regexp.MustCompile(`[ =]\./([\w/-]+)`)
	tests   = regexp.MustCompile(`\b(?:Test|Fuzz)\w+`)
)

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

// notHere are commands that cannot be run here.
var notHere = []struct{ command, why string }{
	{"git clone", "it needs the internet"},
	{"git checkout $VERSION && make release", "there is no tag yet"},
	{"git checkout COMMIT && make image", "COMMIT is the reader's"},
	{"cd hack/tools && go get", "it needs the internet"},
	{"export CGO_ENABLED=0", "it is for the commands that follow it in the reader's shell"},
	{"export VERSION=", "it is for the commands that follow it; the stage has a version"},
	{"copy kubectl-billing.exe", "it is for Windows"},
	{"skopeo copy --all oci-archive:dist/image.tar docker:", "it needs a registry"},
	{"skopeo inspect --raw oci-archive:dist/image.tar", "it needs skopeo, which reads what any image is"},
	{"skopeo inspect --raw docker:", "it needs a registry"},
	{"sha256sum --check --ignore-missing SHA256SUMS", "it needs a release"},
	{"cosign verify-blob SHA256SUMS", "it needs a published release"},
	{"cosign verify ghcr.io/", "it needs a published release"},
	{"(cd dist && cosign generate-key-pair)", "it needs cosign"},
	{"go run -C hack/release github.com/google/go-containerregistry/cmd/registry", "it serves a registry until somebody stops it"},
	{"gh attestation verify oci:", "it needs a published release"},
	{"gh attestation verify install.yaml", "it needs a published release"},
	{"kubectl billing explain initech", "initech is in trouble; the plugin's tests hold the sentences"},
	{"kubectl billing suspend acme", "Git would resume it; the plugin's tests play its part"},
	{"curl -si http://127.0.0.1:8080/", "it asks a link that is served; the link's tests do"},
	{"kubectl run ask-endpoint", "it needs a cluster whose nodes run pods"},
	{"kubectl debug node/NODE", "it needs a cluster whose nodes run pods"},
}
