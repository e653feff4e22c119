package main

import (
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// output is what govulncheck prints, shortened.
const output = `{"config": {"scanner_name": "govulncheck"}}
{"progress": {"message": "Scanning your code ..."}}
{"osv": {"id": "GO-2021-0113", "summary": "Out-of-bounds read in golang.org/x/text/language"}}
{"osv": {"id": "GO-2020-0015", "summary": "Infinite loop in golang.org/x/text"}}
{"osv": {"id": "GO-2026-0001", "summary": "Fault of the standard library"}}
{"osv": {"id": "GO-2026-0002", "summary": "Fault that nobody has mended"}}
{"finding": {"osv": "GO-2021-0113", "fixed_version": "v0.3.7", "trace": [{"module": "golang.org/x/text", "version": "v0.3.5"}]}}
{"finding": {"osv": "GO-2021-0113", "fixed_version": "v0.3.7", "trace": [{"module": "golang.org/x/text", "version": "v0.3.5", "package": "golang.org/x/text/language"}]}}
{"finding": {"osv": "GO-2021-0113", "fixed_version": "v0.3.7", "trace": [
  {"module": "golang.org/x/text", "version": "v0.3.5", "package": "golang.org/x/text/language", "function": "Parse"},
  {"module": "example.com/ours", "package": "example.com/ours/cmd", "function": "main"}]}}
{"finding": {"osv": "GO-2020-0015", "fixed_version": "v0.3.3", "trace": [{"module": "golang.org/x/text", "version": "v0.3.2"}]}}
{"finding": {"osv": "GO-2026-0001", "fixed_version": "v1.26.9", "trace": [
  {"module": "stdlib", "version": "v1.26.8", "package": "net/http", "function": "Get"},
  {"module": "example.com/ours", "package": "example.com/ours/cmd", "function": "main"}]}}
{"finding": {"osv": "GO-2026-0002", "trace": [
  {"module": "example.com/other", "version": "v1.0.0", "package": "example.com/other", "function": "Do"},
  {"module": "example.com/ours", "package": "example.com/ours/cmd", "function": "main"}]}}
`

func TestParse(t *testing.T) {
	got, err := parse(strings.NewReader(output))
	if err != nil {
		t.Fatal(err)
	}
	want := []fault{
		{"GO-2020-0015", "Infinite loop in golang.org/x/text", "golang.org/x/text", "v0.3.2", "v0.3.3", ""},
		{"GO-2021-0113", "Out-of-bounds read in golang.org/x/text/language", "golang.org/x/text", "v0.3.5", "v0.3.7", "example.com/ours/cmd.main"},
		{"GO-2026-0001", "Fault of the standard library", "stdlib", "v1.26.8", "v1.26.9", "example.com/ours/cmd.main"},
		{"GO-2026-0002", "Fault that nobody has mended", "example.com/other", "v1.0.0", "", "example.com/ours/cmd.main"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(fault{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := parse(strings.NewReader("no JSON")); err == nil {
		t.Error("what is no output of govulncheck is taken for no fault")
	}
}

func TestReport(t *testing.T) {
	accepted["GO-2026-0009"] = "only tests call it"
	defer delete(accepted, "GO-2026-0009")
	for _, row := range []struct {
		why  string
		f    fault
		fail bool
		says []string
	}{
		{"a dependency", fault{"GO-1", "it breaks", "golang.org/x/text", "v0.3.5", "v0.3.7", "a.b"}, true,
			[]string{"GO-1", "it breaks", "a.b", "cure: go get golang.org/x/text@v0.3.7 && go mod tidy"}},
		{"Go itself", fault{"GO-1", "it breaks", "stdlib", "v1.26.8", "v1.26.12", "a.b"}, true, []string{"cure: go get toolchain@go1.26.12"}},
		{"Go itself, in no version mended", fault{"GO-1", "it breaks", "stdlib", "v1.26.8", "", "a.b"}, true, []string{"no version mends it yet"}},
		{"the Go of this machine only", fault{"GO-1", "it breaks", "stdlib", "v1.26.8", "v1.26.11", "a.b"}, false,
			[]string{"it breaks", "in Go 1.26.8, which this machine has, is mended in go1.26.11"}},
		{"a dependency with the version of a Go", fault{"GO-1", "it breaks", "example.com/a", "v1.26.8", "v1.26.9", "a.b"}, true, nil},
		{"no version mends it", fault{"GO-1", "it breaks", "example.com/a", "v1.0.0", "", "a.b"}, true, []string{"no version mends it yet"}},
		{"code that is never called", fault{"GO-1", "it breaks", "golang.org/x/text", "v0.3.5", "v0.3.7", ""}, false,
			[]string{"cannot be reached", "go get golang.org/x/text@v0.3.7"}},
		{"one that was judged", fault{"GO-2026-0009", "it breaks", "golang.org/x/text", "v0.3.5", "v0.3.7", "a.b"}, false,
			[]string{"accepted: only tests call it"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			var out strings.Builder
			err := report([]fault{row.f}, "go1.26.11", &out)
			if (err != nil) != row.fail {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				out.WriteString(err.Error())
			}
			for _, want := range row.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not say %q: %s", want, &out)
				}
			}
		})
	}
	if err := report(nil, "go1.26.11", io.Discard); err != nil {
		t.Errorf("no fault: %v", err)
	}
}
