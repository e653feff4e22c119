package version

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	recorded := func(version, revision string) *debug.BuildInfo {
		return &debug.BuildInfo{
			Main:     debug.Module{Version: version},
			Settings: []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: revision}},
		}
	}
	for _, row := range []struct {
		why                  string
		version, revision    string
		recorded             *debug.BuildInfo
		wantVersion, wantRev string
	}{
		{"a release says what it was told", "v0.1.0", "abc", nil, "v0.1.0", "abc"},
		{"what the linker set wins", "v0.1.0", "abc", recorded("v0.0.9", "def"), "v0.1.0", "abc"},
		{"a build in the repository takes its tag", "", "", recorded("v0.1.0", "def"), "v0.1.0", "def"},
		{"so does go install module@version", "", "", recorded("v0.2.0", ""), "v0.2.0", ""},
		{"changed files show", "", "", recorded("v0.1.1-0.20261125220139-9a2376a+dirty", "9a2376a"), "v0.1.1-0.20261125220139-9a2376a+dirty", "9a2376a"},
		{"parentheses are not allowed in a User-Agent's product", "", "", recorded("(devel)", ""), "devel", ""},
		{"a test belongs to no commit", "", "", recorded("", ""), "devel", ""},
		{"a program without build information", "", "", nil, "devel", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			want := Info{Version: row.wantVersion, Revision: row.wantRev, GoVersion: runtime.Version()}
			if got := identify(row.version, row.revision, row.recorded); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestWhatIsPrinted(t *testing.T) {
	for _, row := range []struct {
		info Info
		want string
	}{
		{Info{Version: "v0.1.0", Revision: "abc", GoVersion: "go1.26.8"}, "v0.1.0 (revision abc, go1.26.8)"},
		{Info{Version: "devel", GoVersion: "go1.26.8"}, "devel (go1.26.8)"},
	} {
		if got := row.info.String(); got != row.want {
			t.Errorf("got %q, want %q", got, row.want)
		}
	}
	const agent = "billing-operator/v0.1.0 (+https://github.com/xtracta/billing-operator)"
	if got := (Info{Version: "v0.1.0"}).UserAgent("billing-operator"); got != agent {
		t.Errorf("got %q, want %q", got, agent)
	}
}

// The linker ignores -X silently when there is no such variable, so that a renamed one
// would make every release say that it is none.
func TestTheLinkerSetsTheVersion(t *testing.T) {
	const variables = "github.com/xtracta/billing-operator/cmd/version."
	program := filepath.Join(t.TempDir(), "standin") // of those that print their version it is the smallest
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false",
		"-ldflags=-X "+variables+"version=v9.8.7 -X "+variables+"revision=0123abc", "-o", program, "../../hack/standin")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	output, err := exec.CommandContext(t.Context(), program, "--version").Output()
	want := "standin v9.8.7 (revision 0123abc, " + runtime.Version() + ")"
	if err != nil || strings.TrimSpace(string(output)) != want {
		t.Errorf("prints %q, %v; want %q", output, err, want)
	}
}
