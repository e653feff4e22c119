package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// module holds a package of each kind that go test tells apart.
var module = map[string]string{
	"go.mod": "module example.com/m\n\ngo 1.26.0\n",
	"passes/a_test.go": `package passes
import ("fmt"; "testing")
func TestPasses(t *testing.T) { fmt.Println("noise"); t.Log("noise") }
func TestBrowser(t *testing.T) { t.Skip("there is no browser") }
func TestRows(t *testing.T) {
	t.Run("root", func(t *testing.T) { t.Skip("it needs root\nand a network namespace") })
	t.Run("browser", func(t *testing.T) { t.Skip("there is no browser") })
	t.Run("silent", func(t *testing.T) { t.SkipNow() })
}
`,
	"fails/a_test.go": `package fails
import "testing"
func TestPasses(t *testing.T) { t.Log("noise") }
func TestFails(t *testing.T) {
	t.Log("a clue")
	t.Run("row", func(t *testing.T) { t.Error("boom") })
	t.Run("other row", func(t *testing.T) { t.Log("noise") })
}
`,
	"panics/a_test.go": `package panics
import "testing"
func TestPanics(*testing.T) { panic("boom") }
`,
	"broken/a_test.go":   "package broken\nvar x int = \"\"\n",
	"without/without.go": "package without\n",
}

func newModule(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range module {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// changing is what differs between two runs: times, addresses and goroutines.
var changing = regexp.MustCompile(`\(?\d+\.\d+s\)?|0x[0-9a-f]+|\+0x\S+|goroutine \d+|\(cached\)`)

func TestOutputIsThatOfGoTest(t *testing.T) {
	dir := newModule(t)
	for _, pkg := range []string{"passes", "fails", "panics", "broken", "without"} {
		t.Run(pkg, func(t *testing.T) {
			plain := exec.CommandContext(t.Context(), "go", "test", "./"+pkg)
			plain.Dir = dir
			want, wantErr := plain.CombinedOutput()
			var got strings.Builder
			err := run(t.Context(), options{dir: dir, args: []string{"./" + pkg}}, &got)
			if (err == nil) != (wantErr == nil) {
				t.Errorf("got %v, want %v", err, wantErr)
			}
			printed, _, _ := strings.Cut(got.String(), "\n\nNo test was skipped.")
			printed, _, _ = strings.Cut(printed, "\n\nSkipped tests")
			normal := func(text string) string { return changing.ReplaceAllString(strings.TrimSpace(text), "…") }
			if diff := cmp.Diff(normal(string(want)), normal(printed)); diff != "" {
				t.Errorf("output (-go test +got):\n%s", diff)
			}
		})
	}
}

func TestSkippedTestsAreListedByReason(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), options{dir: newModule(t), args: []string{"./passes"}}, &out); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(out.String(), "\n\n")
	want := `Skipped tests: 4

  it needs root
  and a network namespace
    example.com/m/passes TestRows/root

  no reason given
    example.com/m/passes TestRows/silent

  there is no browser
    example.com/m/passes TestBrowser
    example.com/m/passes TestRows/browser
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("skipped tests (-want +got):\n%s", diff)
	}
}

func TestSlowTestsAreListed(t *testing.T) {
	var out, events strings.Builder
	for i := range 12 {
		fmt.Fprintf(&events, `{"Action":"pass","Package":"m/p","Test":"TestTakes%d","Elapsed":%d.5}`+"\n", i, 8+i)
	}
	events.WriteString(`{"Action":"fail","Package":"m/p","Test":"TestFails","Elapsed":100}
{"Action":"pass","Package":"m/p","Test":"TestFails/row","Elapsed":99}
{"Action":"pass","Package":"m/p","Elapsed":300}
`)
	r := newReport(&out)
	if err := r.read(strings.NewReader(events.String())); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	r.printSlow()
	want := `
Slowest tests:

  100.0 s  m/p TestFails
   19.5 s  m/p TestTakes11
   18.5 s  m/p TestTakes10
   17.5 s  m/p TestTakes9
   16.5 s  m/p TestTakes8
   15.5 s  m/p TestTakes7
   14.5 s  m/p TestTakes6
   13.5 s  m/p TestTakes5
   12.5 s  m/p TestTakes4
   11.5 s  m/p TestTakes3
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("slow tests (-want +got):\n%s", diff)
	}
}

func TestOnlyCIMustRunAllTests(t *testing.T) {
	dir := newModule(t)
	for _, row := range []struct {
		why      string
		ci       bool
		optional string
		want     error
	}{
		{"a person's machine may lack something", false, "^$", nil},
		{"CI must lack nothing", true, "^$", errTestsSkipped},
		{"one optional test does not excuse the others", true, "^TestBrowser$", errTestsSkipped},
		{"CI need not run optional tests", true, "^(TestBrowser|TestRows/.*)$", nil},
	} {
		var out strings.Builder
		err := run(t.Context(), options{
			dir: dir, args: []string{"./passes"}, ci: row.ci, optional: regexp.MustCompile(row.optional),
		}, &out)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.why, err, row.want)
		}
	}
}
