package architecture_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

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
	source := parse(t, shell+"renewal/rules.go")
	var names []renewal.Rule
	text := "| | rule | why |\n|---|---|---|\n"
	for i, row := range source.rows(t, "rules") {
		name := source.constant(t, source.text(row.cells[0]))
		names = append(names, renewal.Rule(name))
		text += fmt.Sprintf("| %d | `%s` | %s |\n", i+1, name, row.why)
	}
	if !slices.Equal(names, renewal.Rules()) {
		t.Errorf("rules.go has the rows %q, and renewal.Rules %q", names, renewal.Rules())
	}
	compare(t, "rules", text)
}

func TestConditionTable(t *testing.T) {
	source := parse(t, shell+"status/conditions.go")
	api := parse(t, "../../api/v1alpha1/conditions.go")
	value := func(e ast.Expr) string {
		switch text := source.text(e); text {
		case `""`:
			return ""
		case "yes":
			return "True"
		case "no":
			return "False"
		default:
			return api.constant(t, strings.TrimPrefix(text, "v1alpha1."))
		}
	}
	var situations []string
	text := "| situation | Ready | reason | also true | why |\n|---|---|---|---|---|\n"
	for _, row := range source.rows(t, "table") {
		situation, err := strconv.Unquote(source.text(row.cells[0]))
		if err != nil || len(row.cells) != 5 {
			t.Fatalf("%s is no row of situation, predicate, Ready, reason and condition", source.text(row.cells[0]))
		}
		situations = append(situations, situation)
		reason, also := "what blocks", "–"
		if r := value(row.cells[3]); r != "" {
			reason = "`" + r + "`"
		}
		if c := value(row.cells[4]); c != "" {
			also = "`" + c + "`"
		}
		text += fmt.Sprintf("| %s | %s | %s | %s | %s |\n", situation, value(row.cells[2]), reason, also, row.why)
	}
	if !slices.Equal(situations, status.Situations()) {
		t.Errorf("conditions.go has the rows %q, and status.Situations %q", situations, status.Situations())
	}
	compare(t, "conditions", text)
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
		t.Errorf("the table of %s in controllers/README.md is not that of the code. Run: go test ./test/architecture -update\n\n%s", table, firstDifference(got, want))
	}
}

func firstDifference(got, want string) string {
	lines := strings.Split(want, "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(lines) || line != lines[i] {
			return fmt.Sprintf("README.md  %s\nthe code   %s", line, strings.Join(lines[min(i, len(lines)):min(i+1, len(lines))], ""))
		}
	}
	return "README.md ends too early"
}

// source is a file of Go with its comments.
type source struct {
	files *token.FileSet
	file  *ast.File
	code  []byte
}

func parse(t *testing.T, path string) source {
	t.Helper()
	code, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, code, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return source{files, file, code}
}

// row is an element of a slice, with the comment above it on one line.
type row struct {
	cells []ast.Expr
	why   string
}

// rows are the elements of the slice that the file declares under the name. Each must say
// why.
func (s source) rows(t *testing.T, name string) []row {
	t.Helper()
	slice, ok := s.values()[name].(*ast.CompositeLit)
	if !ok {
		t.Fatalf("there is no slice %s", name)
	}
	comments := map[int]string{} // by the line after the comment
	for _, c := range s.file.Comments {
		comments[s.line(c.End())+1] = strings.Join(strings.Fields(c.Text()), " ")
	}
	var rows []row
	for _, element := range slice.Elts {
		why := comments[s.line(element.Pos())]
		if why == "" {
			t.Errorf("%s lacks a comment that says why", s.text(element))
		}
		rows = append(rows, row{element.(*ast.CompositeLit).Elts, why})
	}
	return rows
}

func (s source) line(p token.Pos) int { return s.files.Position(p).Line }

func (s source) text(n ast.Node) string {
	return string(s.code[s.files.Position(n.Pos()).Offset:s.files.Position(n.End()).Offset])
}

// values are the expressions that the file gives to its variables and constants.
func (s source) values() map[string]ast.Expr {
	values := map[string]ast.Expr{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			values[spec.Names[0].Name] = spec.Values[0]
		}
		return true
	})
	return values
}

func (s source) constant(t *testing.T, name string) string {
	t.Helper()
	literal, ok := s.values()[name].(*ast.BasicLit)
	if !ok {
		t.Fatalf("%s is no constant of %s", name, s.files.Position(s.file.Pos()).Filename)
	}
	return strings.Trim(literal.Value, `"`)
}

// Whoever follows the document must arrive. Each file that it names exists, and has the
// identifiers that the last chapter names after it.
func TestPlacesExist(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, found := strings.Cut(string(text), "\n## Where does a line go?\n")
	if !found {
		t.Fatal("the chapter of places is missing")
	}
	for _, path := range namedFiles.FindAllStringSubmatch(string(text), -1) {
		if _, err := readPlace(path[1]); err != nil {
			t.Errorf("controllers/README.md names %s, which does not exist", path[1])
		}
	}
	found = false
	for _, place := range places.FindAllStringSubmatch(chapter, -1) {
		found = true
		code, _ := readPlace(place[1])
		for _, name := range quoted.FindAllStringSubmatch(place[2], -1) {
			if !regexp.MustCompile(`\b` + name[1] + `\b`).Match(code) {
				t.Errorf("controllers/README.md looks for %s in %s, where it is not", name[1], place[1])
			}
		}
	}
	if !found {
		t.Error("the chapter of places names none")
	}
}

var (
	namedFiles = regexp.MustCompile("`([\\w./-]+\\.(?:go|md|yaml))`")
	quoted     = regexp.MustCompile("`(\\w+)`")
	// places are a file, a colon and identifiers in it.
	places = regexp.MustCompile("`([\\w./-]+\\.go)`: ((?:`\\w+`(?:, | and )?)+)")
)

// readPlace reads a file by its path below controllers, or below the top level.
func readPlace(path string) ([]byte, error) {
	if text, err := os.ReadFile(shell + path); err == nil {
		return text, nil
	}
	return os.ReadFile("../../" + path)
}
