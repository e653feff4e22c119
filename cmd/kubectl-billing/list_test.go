package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// trimmed is a table without the space that its printer leaves at the end of lines.
func trimmed(table string) string {
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(table, "")
}

func TestTables(t *testing.T) {
	sessions := []v1alpha1.BillingSession{
		*session("acme", issued(8*time.Minute, 5*time.Minute)),
		*session("beta", issued(8*time.Minute, -time.Minute), failing, retry(20*time.Second)),
		*session("gone", refused, retry(time.Hour)),
		*session("late", expired(3*time.Minute+5*time.Second)),
	}
	for _, row := range []struct {
		why     string
		options printers.PrintOptions
		want    string
	}{
		{"what people see", printers.PrintOptions{}, `
NAME   READY   LIFE LEFT          RENEWS   CAUSE
acme   True    8m                 in 5m
beta   True    8m                 in 20s   Unavailable
gone   False   -                  in 60m   Rejected
late   False   expired 3m5s ago   -        Expired
`},
		{"all there is", printers.PrintOptions{Wide: true}, `
NAME   READY   LIFE LEFT          RENEWS   CAUSE         EXPIRES                SECRET   AGE   MESSAGE
acme   True    8m                 in 5m                  {expires}   acme     5h
beta   True    8m                 in 20s   Unavailable   {expires}   beta     5h    The endpoint answered 503
gone   False   -                  in 60m   Rejected      -                      gone     5h    The endpoint answered 403
late   False   expired 3m5s ago   -        Expired       {expired}   late     5h    The URL has expired
`},
	} {
		t.Run(row.why, func(t *testing.T) {
			var out strings.Builder
			if err := newTable(&out, row.options).print(sessions, noon, false); err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("{expires}", formatTime(noon.Add(8*time.Minute)), "{expired}", formatTime(noon.Add(-185*time.Second))).Replace(row.want[1:])
			if diff := cmp.Diff(want, trimmed(out.String())); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLaterRowsKeepTheLayout(t *testing.T) {
	var out strings.Builder
	table := newTable(&out, printers.PrintOptions{})
	acme := session("acme-corporation", issued(8*time.Minute, 5*time.Minute))
	for _, row := range []struct {
		session *v1alpha1.BillingSession
		deleted bool
	}{{acme, false}, {session("b", issued(time.Second, 0)), false}, {acme, true}} {
		if err := table.print([]v1alpha1.BillingSession{*row.session}, noon, row.deleted); err != nil {
			t.Fatal(err)
		}
	}
	want := `
NAME               READY   LIFE LEFT   RENEWS   CAUSE
acme-corporation   True    8m          in 5m
b                  True    1s          now
acme-corporation   Deleted   -           -
`[1:]
	if diff := cmp.Diff(want, trimmed(out.String())); diff != "" {
		t.Error(diff)
	}
}

// A script that gets no URL must not take that for the truth, and one that asked for none
// must not be bothered.
func TestLeavingOutURLsIsSaidOnce(t *testing.T) {
	hasURL := func(s *v1alpha1.BillingSession) { s.Status.URL = "https://billing.example.com/" }
	list := &v1alpha1.BillingSessionList{Items: []v1alpha1.BillingSession{*session("acme", hasURL), *session("beta", hasURL)}}
	gone := &v1alpha1.BillingSessionList{Items: []v1alpha1.BillingSession{*session("gone")}}
	as := func(output string) format { return format{flags: printFlags(output, "")} }
	const note = "status.url is left out; to include it, add --show-url.\n"
	for _, row := range []struct {
		format format
		list   *v1alpha1.BillingSessionList
		says   string
	}{
		{as("json"), list, note},
		{as("yaml"), list, note},
		{as("kyaml"), list, note},
		{as("jsonpath={.items[*].status}"), list, note},
		{as("go-template={{range .items}}{{.status.url}}{{end}}"), list, note},
		{format{flags: printFlags("", "{{range .items}}{{.status.url}}{{end}}")}, list, note},
		{format{flags: printFlags("json", ""), showURL: true}, list, ""},
		{as("json"), gone, ""}, // it has none
		{as("jsonpath={.items[*].metadata.name}"), list, ""},
	} {
		streams, _, _, errOut := genericiooptions.NewTestIOStreams()
		printer, err := newObjectPrinter(&environment{IOStreams: streams}, row.format, false)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := printer.print(row.list); err != nil {
				t.Errorf("%q: %v", row.format.output(), err)
			}
		}
		if errOut.String() != row.says {
			t.Errorf("%q: says %q, want %q", row.format.output(), errOut, row.says)
		}
	}
}

func TestListsOfObjects(t *testing.T) {
	begin := time.Date(2030, 1, 1, 10, 0, 0, 0, time.UTC)
	o := &oddCluster{sessions: []v1alpha1.BillingSession{*living("beta", begin, failing), *living("acme", begin, owned(fieldManager, "{}"))}}
	for _, row := range []struct{ golden, args string }{
		{"list.json", "list -o json"},
		{"list-with-urls.yaml", "list -o yaml --show-url"},
		{"get.yaml", "get acme -o yaml"},
		{"list.name", "list -o name"},
	} {
		streams, _, out, errOut := genericiooptions.NewTestIOStreams()
		if code := run(t.Context(), append(strings.Fields(row.args), flagsFor(t, o)...), streams); code != 0 {
			t.Errorf("%s ends with %d: %s", row.args, code, errOut)
		}
		holdsGolden(t, row.golden, out.String())
	}
}
