package architecture_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/status"
)

var update = flag.Bool("update", false, "write the tables of controllers/README.md anew, to be read before they are committed")

const (
	shell  = "../../controllers/"
	readme = shell + "README.md"
)

// The rules and the conditions are tables in the code, with a line of why for each row. The
// document shows the same rows and the same lines.
func TestRuleTable(t *testing.T) {
	var names []renewal.Rule
	text := "| | rule | why |\n|---|---|---|\n"
	for i, row := range rowsOf(t, "renewal/rules.go") {
		name := strings.TrimPrefix(row.cells[0], "Rule")
		names = append(names, renewal.Rule(name))
		text += fmt.Sprintf("| %d | `%s` | %s |\n", i+1, name, row.why)
	}
	if !slices.Equal(names, renewal.Rules()) {
		t.Errorf("rules.go has these rows with a comment that says why: %q; all are %q", names, renewal.Rules())
	}
	compare(t, "rules", text)
}

func TestConditionTable(t *testing.T) {
	var situations []string
	text := "| situation | Ready | reason | also true | why |\n|---|---|---|---|---|\n"
	for _, row := range rowsOf(t, "status/conditions.go") {
		situation := strings.Trim(row.cells[0], `"`)
		situations = append(situations, situation)
		ready := map[string]string{"yes": "True", "no": "False"}[row.cells[2]]
		reason, also := "what blocks", "–"
		if name, found := strings.CutPrefix(row.cells[3], "v1alpha1.Reason"); found {
			reason = "`" + name + "`"
		}
		if name, found := strings.CutPrefix(row.cells[4], "v1alpha1.Condition"); found {
			also = "`" + name + "`"
		}
		text += fmt.Sprintf("| %s | %s | %s | %s | %s |\n", situation, ready, reason, also, row.why)
	}
	if !slices.Equal(situations, status.Situations()) {
		t.Errorf("conditions.go has these rows with a comment that says why: %q; all are %q", situations, status.Situations())
	}
	compare(t, "conditions", text)
}

// row is a row of a table in the code, with the comment above it on one line.
type row struct {
	cells []string
	why   string
}

var (
	commented = regexp.MustCompile(`(?m)((?:^\t// .*\n)+)\t\{(.+)\},$`)
	cell      = regexp.MustCompile(`"[^"]*"|[\w.]+`)
)

// rowsOf are the rows of the table in a file, each of which has a line of its own below its
// comment.
func rowsOf(t *testing.T, path string) (rows []row) {
	t.Helper()
	code, err := os.ReadFile(shell + path)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range commented.FindAllStringSubmatch(string(code), -1) {
		why := strings.Join(strings.Fields(strings.ReplaceAll(found[1], "//", "")), " ")
		rows = append(rows, row{cell.FindAllString(found[2], -1), why})
	}
	return rows
}

// A package that the document leaves out is one that a newcomer does not look for.
func TestPackageTable(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list(t) {
		name := p.folder()[strings.LastIndex(p.folder(), "/")+1:]
		if within(p.folder(), "controllers") && !isForTests(name) && !strings.Contains(string(text), "\n| `"+name+"` | ") {
			t.Errorf("the table of packages in controllers/README.md has no row for %s", p.folder())
		}
	}
}

// compare holds the part of the document between two marks equal to the table.
func compare(t *testing.T, table, want string) {
	t.Helper()
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+table+": go test ./test/architecture -update -->\n", "<!-- end "+table+" -->"
	before, rest, found := strings.Cut(string(text), begin)
	got, after, alsoFound := strings.Cut(rest, end)
	switch {
	case !found || !alsoFound:
		t.Fatalf("%s has no %q … %q", readme, begin, end)
	case got == want:
	case *update:
		if err := os.WriteFile(readme, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table of %s in controllers/README.md is not that of the code. Run: go test ./test/architecture -update\n(-README.md +code):\n%s", table, cmp.Diff(got, want))
	}
}
