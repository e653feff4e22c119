package manifests_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	pod       = "{.spec.template.spec"
	container = pod + ".containers[0]"
	// moreArgs are those beyond what each install has.
	moreArgs = container + ".args[3:]}"
)

// option is a set of values, and what comes of it.
type option struct {
	name, why, values string
	want              []found
}

// found is what the objects of a kind hold at a path (see find). VERSION in the text is the chart's.
type found struct{ kind, path, text string }

func TestOptions(t *testing.T)     { expectOptions(t, options) }
func TestConventions(t *testing.T) { expectOptions(t, conventions) }

func expectOptions(t *testing.T, rows []option) {
	t.Helper()
	version := appVersion(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			objects := rendered(t, row.values)
			for _, want := range row.want {
				text := strings.ReplaceAll(want.text, "VERSION", version)
				if got := find(t, objects.OfKind(want.kind), want.path); got != text {
					t.Errorf("%s %s is\n\t%s, want\n\t%s\n(%s)", want.kind, want.path, got, text, row.why)
				}
			}
			expectAccepted(t, objects)
			expectUnderstood(t, objects)
		})
	}
}

// understood are the args, as JSON, that the manager took before.
var understood sync.Map

// expectUnderstood holds that the manager takes the arguments that it would be started
// with: what it finds wrong is what is not here, files and a cluster.
func expectUnderstood(t *testing.T, objects manifests.Manifest) {
	t.Helper()
	text := find(t, objects.OfKind("Deployment"), container+".args}")
	if _, before := understood.LoadOrStore(text, true); before {
		return
	}
	var args []string
	if err := json.Unmarshal([]byte(text), &args); err != nil {
		t.Fatal(err)
	}
	said, err := exec.CommandContext(t.Context(), env.Program(t, "manager"), append(args, "--kubeconfig=none")...).CombinedOutput()
	_, complaint, _ := strings.Cut(string(said), "\n") // the log begins with the version
	if err == nil || !strings.HasPrefix(complaint, "manager: --kubeconfig:") && !strings.HasPrefix(complaint, "manager: --endpoint-ca-file:") {
		t.Errorf("manager %q: %v\n%s", args, err, said)
	}
}

// A release may have any name that Helm lets through.
func TestNamesFit(t *testing.T) {
	for _, row := range []struct{ release, want, why string }{
		{"finance", "finance-billing-operator", "the chart's name tells what it is"},
		{"eu-billing-operator", "eu-billing-operator", "it is in the release's already"},
		{"1e3", "billing-operator-1e3", "a Service's name begins with a letter, and that is no number here"},
		{"2-billing-operator", "billing-operator-2-billing-operator", "a Service's name begins with a letter"},
		{"billing.eu", "billing-eu-billing-operator", "a Service's name has no dots"},
		{"null", "null-billing-operator", "that is not nothing here"},
		{strings.Repeat("9", 53), "billing-operator-" + strings.Repeat("9", 28) + "-6ffd6ccc", "a Service's name has 63 letters at most, and what is cut off counts"},
		{strings.Repeat("a.", 26) + "a", strings.Repeat("a-", 23) + "cf96044d", "there is one dash before the hash"},
	} {
		t.Run(row.release, func(t *testing.T) {
			t.Parallel()
			output, err := template(t, row.release, chart, systemNamespace, "")
			if err != nil {
				t.Fatal(err)
			}
			objects := parse(t, output)
			want := row.want + " " + row.release
			if got := find(t, objects.OfKind("Deployment"), `{.metadata.name} {.metadata.labels.app\.kubernetes\.io/instance}`); got != want {
				t.Errorf("the Deployment has the name and the label %s, want %s (%s)", got, want, row.why)
			}
			expectAccepted(t, objects)
		})
	}
}
