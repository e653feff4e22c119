package main

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func TestArgumentsSayWhatToDo(t *testing.T) {
	acme := selection{names: []string{"acme"}}
	for _, row := range []struct {
		why, args string
		want      operation
	}{
		{"a plain list", "list", list{sortBy: "name"}},
		{"the habit of other tools", "ls", list{sortBy: "name"}},
		{"kubectl's own verb", "get -A", list{selection: selection{allNamespaces: true}, sortBy: "name"}},
		{"all that a list can be", "list -A -l team=ap -o wide -w --sort-by expiry --show-url",
			list{selection: selection{allNamespaces: true, selector: "team=ap"}, format: format{flags: printFlags("wide", ""), showURL: true}, sortBy: "expiry", watch: true}},
		{"kubectl's templates", "list -o jsonpath={.items[*].metadata.name}",
			list{format: format{flags: printFlags("jsonpath={.items[*].metadata.name}", "")}, sortBy: "name"}},
		{"kubectl's flags for templates", "list --template {{.kind}}",
			list{format: format{flags: printFlags("", "{{.kind}}")}, sortBy: "name"}},
		{"kubectl's flags for json and tables", "list -o json --no-headers",
			list{format: format{flags: printFlags("json", ""), noHeaders: true}, sortBy: "name"}},
		{"one, as kubectl gets it", "get acme", list{selection: acme, sortBy: "name"}},
		{"one, to follow", "get bs/acme -w", list{selection: acme, sortBy: "name", watch: true}},
		{"several", "list acme beta", list{selection: selection{names: []string{"acme", "beta"}}, sortBy: "name"}},
		{"the browser", "open acme", open{name: "acme", timeout: time.Minute}},
		{"the URL itself, fresh", "open acme --print --fresh --timeout 5s", open{name: "acme", print: true, fresh: true, timeout: 5 * time.Second}},
		{"kubectl's short name", "open bs/acme", open{name: "acme", timeout: time.Minute}},
		{"what list -o name printed", "renew billingsession.billing.xtracta.com/acme", renew{selection: acme, timeout: time.Minute}},
		{"the plural", "renew billingsessions/acme", renew{selection: acme, timeout: time.Minute}},
		{"one name twice", "renew acme bs/acme", renew{selection: acme, timeout: time.Minute}},
		{"several, and the answer", "renew acme beta --wait",
			renew{selection: selection{names: []string{"acme", "beta"}}, wait: true, timeout: time.Minute}},
		{"all of all namespaces", "renew --all -A", renew{selection: selection{all: true, allNamespaces: true}, timeout: time.Minute}},
		{"some by their labels", "suspend -l team=ap", suspend{selection{selector: "team=ap"}, true, `{"spec":{"suspend":true}}`, "suspended"}},
		{"one to rest", "suspend acme", suspend{acme, true, `{"spec":{"suspend":true}}`, "suspended"}},
		{"one to go on", "resume acme", suspend{acme, false, `{"spec":{"suspend":null}}`, "resumed"}},
		{"the reasons", "explain acme -n finance", explain{name: "acme"}},
		{"nothing but help", "", nil},
		{"help is no failure", "renew --help", nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			called, err := parse(strings.Fields(row.args), genericiooptions.NewTestIOStreamsDiscard())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, called.operation,
				cmp.AllowUnexported(list{}, format{}, open{}, renew{}, suspend{}, explain{}, selection{}), cmp.Transformer("flags", valuesOf)); diff != "" {
				t.Errorf("%s:\n%s", row.args, diff)
			}
		})
	}
}

// printFlags are kubectl's own, as the command line sets them.
func printFlags(output, template string) *genericclioptions.PrintFlags {
	flags := genericclioptions.NewPrintFlags("")
	*flags.OutputFormat, *flags.TemplatePrinterFlags.TemplateArgument = output, template
	return flags
}

func valuesOf(flags *genericclioptions.PrintFlags) []string {
	if flags == nil {
		return []string{"", ""}
	}
	return []string{*flags.OutputFormat, *flags.TemplatePrinterFlags.TemplateArgument}
}

func TestMistakesAreToldWithTheCure(t *testing.T) {
	for _, row := range []struct{ why, args, cure string }{
		{"a typing error", "lst", "Did you mean this?\n\tlist"},
		{"a flag of another tool", "list --sort", "See 'kubectl billing list --help'"},
		{"a list of another kind", "list pod/acme", "bsess/NAME"},
		{"a list by names and labels", "list acme -l team=ap", "not both"},
		{"two to follow", "get acme beta -w", "--selector"},
		{"a template without its text", "list -o go-template", "--output"},
		{"an order that nobody knows", "list --sort-by age", "use name or expiry"},
		{"a format that nobody knows", "list -o xml", "use wide, json, yaml, name"},
		{"a template that does not parse", "list -o jsonpath={", "--output"},
		{"half a selector", "list -l =", "such as team=ap"},
		{"nothing to open", "open", "kubectl billing open acme"},
		{"two to open", "open acme beta", "name one session"},
		{"another kind", "open pod/acme", "bsess/NAME"},
		{"a kind alone", "open bs/", "a name is empty"},
		{"nobody to renew", "renew", "--all or --selector"},
		{"too many answers", "renew acme --all", "not both"},
		{"a name in all namespaces", "suspend acme -A", "-n"},
		{"all namespaces, of what?", "resume -A", "--all"},
		{"a bound of no wait", "renew acme --timeout 5s", "--wait"},
		{"a bound of no fresh URL", "open acme --timeout 5s", "--fresh"},
		{"no time at all", "renew acme --wait --timeout 0s", "more than 0"},
		{"nothing to explain", "explain", "kubectl billing explain acme"},
	} {
		t.Run(row.why, func(t *testing.T) {
			_, err := parse(strings.Fields(row.args), genericiooptions.NewTestIOStreamsDiscard())
			if err == nil || !strings.Contains(err.Error(), row.cure) {
				t.Errorf("%s: %v, want the cure %q", row.args, err, row.cure)
			}
			if f := (codedError{}); !errors.As(err, &f) || f.code != exitUsage {
				t.Errorf("%s: ends with %+v, want exit code %d", row.args, f, exitUsage)
			}
		})
	}
}

var updateGolden = flag.Bool("update", false, "write the golden files anew, to be read before they are committed")

func TestHelp(t *testing.T) {
	for _, command := range []string{"", "list", "open", "renew", "suspend", "resume", "explain", "version"} {
		t.Run(command, func(t *testing.T) {
			streams, _, out, _ := genericiooptions.NewTestIOStreams()
			if _, err := parse(append(strings.Fields(command), "--help"), streams); err != nil {
				t.Fatal(err)
			}
			help, _, _ := strings.Cut(out.String(), "\nGlobal Flags:\n") // what kubectl's own flags say is kubectl's
			if command == "" {
				help, _, _ = strings.Cut(help, "\nFlags:\n")
			}
			holdsGolden(t, strings.TrimSuffix("help-"+command, "-")+".txt", help)
		})
	}
}

// holdsGolden compares a text with a file of testdata.
func holdsGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if diff := cmp.Diff(string(want), got); err != nil || diff != "" {
		t.Errorf("%v (see -update)\n%s", err, diff)
	}
}

func TestTheFirstOfSeveralErrorsGivesTheExitCode(t *testing.T) {
	plain := errors.New("plain")
	late, resting := failf(exitTimeout, "late"), failf(exitNotReady, "resting")
	for _, row := range []struct {
		why  string
		err  error
		want int
		said string
	}{
		{"all went well", nil, 0, ""},
		{"whatever has no code of its own", plain, exitError, "error: plain\n"},
		{"one with a code", late, exitTimeout, "error: late\n"},
		{"several", errors.Join(late, resting), exitTimeout, "error: late\nerror: resting\n"},
		{"several within several", errors.Join(nil, errors.Join(resting, late), plain), exitNotReady, "error: resting\nerror: late\nerror: plain\n"},
		{"an escape sequence in an error", errors.New("\x1b[2J"), exitError, "error: ^[[2J\n"},
	} {
		t.Run(row.why, func(t *testing.T) {
			var said strings.Builder
			if code := report(row.err, &said); code != row.want || said.String() != row.said {
				t.Errorf("exit code %d and %q, want %d and %q", code, said.String(), row.want, row.said)
			}
		})
	}
}
