// Package imports_test holds the direction in which packages may depend on one
// another. What decides stays free of what acts: renewal needs no client to be
// tested, and endpoint no cluster.
package imports_test

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

// A rule speaks of the packages in a folder and below. Its lists hold paths, and
// mean them and what is below them.
type rule struct {
	folder string
	except []string // folders below that have rules of their own
	why    string

	allowed      []string // what of this module may be needed, besides the folder itself
	neverNeeds   []string // what of others may not be needed, not even indirectly
	unless       []string // what of that may be
	neverImports []string // what of others may not be imported, but may come along with what is
}

var rules = []rule{
	{
		folder: "api",
		why:    "what users declare depends on nothing of ours",
	},
	{
		folder:       "controllers/renewal",
		why:          "when to ask is decided without a client and without the wire",
		allowed:      []string{"api"},
		neverNeeds:   []string{"k8s.io/client-go", "sigs.k8s.io/controller-runtime"},
		neverImports: []string{"net", "os"},
	},
	{
		folder:     "controllers/endpoint",
		why:        "the wire knows nothing of Kubernetes",
		neverNeeds: []string{"k8s.io", "sigs.k8s.io"},
		unless:     []string{"k8s.io/utils/clock"},
	},
	{
		folder:  "controllers",
		except:  []string{"controllers/renewal", "controllers/endpoint"},
		why:     "the shell joins the three, and nothing else of ours",
		allowed: []string{"api", "controllers"},
	},
	{
		folder:  "cmd",
		why:     "commands join flags to the shell, and never reach into tests or maintainers' tools",
		allowed: []string{"api", "controllers"},
	},
	{
		folder:  "test/standin",
		why:     "the stand-in answers to the endpoint's documents, not to our client of it",
		allowed: []string{"test"},
	},
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
	return within(folder, r.folder) && !within(folder, r.except...)
}

func (r rule) allows(folder string) bool {
	return within(folder, r.folder) || within(folder, r.allowed...)
}

// faults returns what a package depends on against the rule. Its tests follow the
// same arrows, but may use what is made for tests and others' packages as they like.
func (r rule) faults(p pkg) []string {
	var faults []string
	for _, path := range p.Deps {
		if folder, ours := strings.CutPrefix(path, module+"/"); ours && !r.allows(folder) {
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

// pkg is what the go command tells of a package.
type pkg struct {
	Dir          string
	ImportPath   string
	Deps         []string // all it needs, directly or not
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

// within says whether a path is one of the folders or below one.
func within(path string, folders ...string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return path == folder || strings.HasPrefix(path, folder+"/")
	})
}

// watch has the go command run this test again when a file of the folder changes,
// as it cannot see what other commands read for the test.
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
