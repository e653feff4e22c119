// Package architecture_test holds the shape of the repository: which packages may depend
// on which, that links of documents lead somewhere, and that the tables of
// controllers/README.md are those of the code.
package architecture_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/xtracta/billing-operator"

// A rule speaks of the packages in a folder and below it. Its lists hold paths, each of
// which stands for itself and for everything below it.
type rule struct {
	folder string
	alone  bool // the rule is for this one package and not for those below it
	why    string

	allowed      []string // packages of this module that may be needed, besides the folder itself
	neverNeeds   []string // packages of others that may not be needed, not even indirectly
	unless       []string // exceptions from neverNeeds
	neverImports []string // packages of others that may be needed only indirectly
}

// What reaches the API server. A package that needs none of it can be tested with values.
var kubernetesClients = []string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime"}

// What makes the same input give another result tomorrow.
var impure = []string{"k8s.io/utils/clock", "net", "os"}

// rules draw the arrows of controllers/README.md. Only the packages in hack and test, to
// which nothing else may point, are free to need what they like.
var rules = []rule{
	{
		folder: "api",
		why:    "what users declare depends on nothing of ours",
	},
	{
		folder:     "controllers/endpoint",
		why:        "the wire knows nothing of Kubernetes",
		neverNeeds: []string{"k8s.io", "sigs.k8s.io"},
		unless:     []string{"k8s.io/utils/clock"},
	},
	{
		folder:       "controllers/renewal",
		alone:        true,
		why:          "when to ask is decided from facts alone, without a client, a clock and the wire",
		allowed:      []string{"api"},
		neverNeeds:   kubernetesClients,
		neverImports: impure,
	},
	{
		folder:  "controllers/renewal/renewaltest",
		why:     "facts for tests follow from what decisions are taken on",
		allowed: []string{"api", "controllers/renewal"},
	},
	{
		folder:       "controllers/status",
		why:          "what is said of a session follows from the decision alone",
		allowed:      []string{"api", "controllers/renewal"},
		neverNeeds:   kubernetesClients,
		neverImports: impure,
	},
	{
		folder:       "controllers/secret",
		why:          "the generated Secret is composed and read without touching the cluster",
		allowed:      []string{"api", "controllers/renewal", "controllers/endpoint"},
		neverNeeds:   kubernetesClients,
		neverImports: impure,
	},
	{
		folder:     "controllers/dispatch",
		why:        "whose turn it is does not depend on what the cluster holds",
		allowed:    []string{"api", "controllers/renewal", "controllers/endpoint"},
		neverNeeds: kubernetesClients,
	},
	{
		folder:  "controllers/apikey",
		why:     "keys are read without knowing who asks with them, or when",
		allowed: []string{"api", "controllers/renewal", "controllers/endpoint", "controllers/secret"},
	},
	{
		folder:  "controllers/metrics",
		why:     "metrics show what was decided and said, and take no part in it",
		allowed: []string{"api", "controllers/renewal", "controllers/status"},
	},
	{
		folder:  "controllers",
		alone:   true,
		why:     "the shell joins the rooms, and needs nothing else of ours",
		allowed: []string{"api", "controllers"},
	},
	{
		folder:  "cmd/manager",
		why:     "it joins flags to the shell, and ships nothing that is made for tests or maintainers",
		allowed: []string{"api", "controllers", "cmd/version"},
	},
	{
		folder:  "cmd/kubectl-billing",
		why:     "the plugin tells what the operator reported, and decides nothing of its own",
		allowed: []string{"api", "cmd/version"},
	},
	{
		folder:  "cmd/billing-link",
		why:     "the link serves what a mounted Secret holds, and opens what the endpoint may grant",
		allowed: []string{"api", "controllers/endpoint", "cmd/version"},
	},
	{
		folder: "cmd/version",
		why:    "a version depends on nothing of ours",
	},
	{
		folder:  "test/standin",
		why:     "the stand-in answers to the endpoint's documents, not to our client of it",
		allowed: []string{"test"},
	},
}

// A new package must be given a place among the others. Otherwise nothing would hold its
// arrows.
func TestEachPackageHasOneRule(t *testing.T) {
	for _, p := range list(t) {
		governing := slices.DeleteFunc(slices.Clone(rules), func(r rule) bool { return !r.governs(p.folder()) })
		if !within(p.folder(), "hack", "test") && len(governing) != 1 {
			t.Errorf("%s has %d rules in test/architecture/arrows_test.go; give it one", p.folder(), len(governing))
		}
	}
}

func TestArrows(t *testing.T) {
	packages := list(t)
	for _, r := range rules {
		t.Run(r.folder, func(t *testing.T) {
			governed := slices.DeleteFunc(slices.Clone(packages), func(p pkg) bool { return !r.governs(p.folder()) })
			if len(governed) == 0 {
				t.Fatalf("there is no package in %s", r.folder)
			}
			for _, p := range governed {
				for _, fault := range r.faults(p) {
					t.Errorf("%s must not depend on %s: %s", p.folder(), fault, r.why)
				}
			}
		})
	}
}

func (r rule) governs(folder string) bool {
	return folder == r.folder || !r.alone && within(folder, r.folder)
}

func (r rule) allows(folder string) bool {
	return within(folder, r.folder) || within(folder, r.allowed...)
}

// isForTests reports whether a folder is named as net/http/httptest is. Nothing that ships
// may need it.
func isForTests(folder string) bool { return strings.HasSuffix(folder, "test") }

// faults returns what a package depends on against the rule. Its tests follow the same
// arrows, but may also need hack, test, and whatever packages of others they like.
func (r rule) faults(p pkg) []string {
	var faults []string
	for _, path := range p.Deps {
		if folder, ours := strings.CutPrefix(path, module+"/"); ours && (!r.allows(folder) || isForTests(folder) && folder != p.folder()) {
			faults = append(faults, folder)
		}
	}
	for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
		if folder, ours := strings.CutPrefix(path, module+"/"); ours && !r.allows(folder) && !within(folder, "hack", "test") {
			faults = append(faults, folder)
		}
	}
	for _, path := range p.Deps {
		if within(path, r.neverNeeds...) && !within(path, r.unless...) {
			faults = append(faults, path)
		}
	}
	for _, path := range p.Imports {
		if within(path, r.neverImports...) {
			faults = append(faults, path)
		}
	}
	return faults
}

// pkg is a package as the go command describes it.
type pkg struct {
	Dir          string
	ImportPath   string
	Deps         []string // everything it needs, directly or indirectly
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p pkg) folder() string { return strings.TrimPrefix(p.ImportPath, module+"/") }

func list(t *testing.T) []pkg {
	t.Helper()
	output, err := run("go", "list", "-json=Dir,ImportPath,Deps,Imports,TestImports,XTestImports", module+"/...")
	if err != nil {
		t.Fatal(err)
	}
	var packages []pkg
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p pkg
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatal(err)
		}
		watch(t, p.Dir)
		packages = append(packages, p)
	}
}

// within reports whether a path is one of the folders or below one.
func within(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return path == folder || strings.HasPrefix(path, folder+"/")
	})
}

// watch makes the go command run this test again when a file of the folder changes. It
// cannot see what other commands read for the test, and would show a cached result.
func watch(t *testing.T, folder string) {
	t.Helper()
	if _, err := os.ReadDir(folder); err != nil {
		t.Fatal(err)
	}
}

func run(name string, args ...string) ([]byte, error) {
	output, err := exec.Command(name, args...).Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, args[0], err, failed.Stderr)
	}
	return output, err
}
