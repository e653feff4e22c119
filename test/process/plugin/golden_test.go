package plugin

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew, to be read before they are committed")

var varying = []struct {
	pattern *regexp.Regexp
	stands  string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "<time>"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uid>"},
	{regexp.MustCompile(`(?i)(resourceVersion"?: )"\d+"`), `$1"<version>"`},
	{regexp.MustCompile(`(?m) +$`), ""}, // which kubectl's tables leave at the end of lines
}

// spans are said by a clock that runs.
var spans = regexp.MustCompile(`\b(\d+[dhms])+\b`)

// golden holds what the plugin printed, with placeholders for what varies.
func (a answer) golden(s *stage, name string) answer {
	a.t.Helper()
	return a.compare(s, name, a.out)
}

// goldenWithoutSpans is golden for what is timed by the manager.
func (a answer) goldenWithoutSpans(s *stage, name string) answer {
	a.t.Helper()
	return a.compare(s, name, spans.ReplaceAllString(a.out, "<span>"))
}

func (a answer) compare(s *stage, name, got string) answer {
	a.t.Helper()
	for _, v := range varying {
		got = v.pattern.ReplaceAllString(got, v.stands)
	}
	got = strings.NewReplacer(s.Namespace, "finance", s.URL, "http://standin", "\r\n", "\n", "\x1b", `\e`).Replace(got)
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			a.t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		a.t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		a.t.Errorf("%s differs from %s (see -update):\n%s", a.args, path, diff)
	}
	return a
}
