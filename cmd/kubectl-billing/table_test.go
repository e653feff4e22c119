package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// printed is the table of the sessions at noon.
func printed(t *testing.T, options printers.PrintOptions, colour bool, sessions ...v1alpha1.BillingSession) string {
	t.Helper()
	var out strings.Builder
	table := newTable(&out, options)
	table.colour = colour
	if err := table.print(sessions, noon, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
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
		colour  bool
		want    string
	}{
		{"what people see", printers.PrintOptions{}, false, `
NAME   READY   LIFE LEFT          RENEWS   CAUSE
acme   True    8m                 in 5m
beta   True    8m                 in 20s   Unavailable
gone   False   -                  in 60m   Rejected
late   False   expired 3m5s ago   -        Expired
`},
		{"all namespaces", printers.PrintOptions{WithNamespace: true}, false, `
NAMESPACE   NAME   READY   LIFE LEFT          RENEWS   CAUSE
finance     acme   True    8m                 in 5m
finance     beta   True    8m                 in 20s   Unavailable
finance     gone   False   -                  in 60m   Rejected
finance     late   False   expired 3m5s ago   -        Expired
`},
		{"all there is", printers.PrintOptions{Wide: true}, false, `
NAME   READY   LIFE LEFT          RENEWS   CAUSE         EXPIRES                SECRET   AGE   MESSAGE
acme   True    8m                 in 5m                  {expires}   acme     5h
beta   True    8m                 in 20s   Unavailable   {expires}   beta     5h    The endpoint answered 503
gone   False   -                  in 60m   Rejected      -                      gone     5h    The endpoint answered 403
late   False   expired 3m5s ago   -        Expired       {expired}   late     5h    The URL has expired
`},
		{"on a terminal, rows in trouble have a colour", printers.PrintOptions{}, true, `
NAME   READY   LIFE LEFT          RENEWS   CAUSE
acme   True    8m                 in 5m
{yellow}beta   True    8m                 in 20s   Unavailable{reset}
{red}gone   False   -                  in 60m   Rejected{reset}
{red}late   False   expired 3m5s ago   -        Expired{reset}
`},
	} {
		t.Run(row.why, func(t *testing.T) {
			out := printed(t, row.options, row.colour, sessions...)
			want := strings.NewReplacer("{expires}", formatTime(noon.Add(8*time.Minute)), "{expired}", formatTime(noon.Add(-185*time.Second)),
				"{yellow}", "\x1b[33m", "{red}", "\x1b[31m", "{reset}", "\x1b[0m").Replace(row.want[1:])
			if diff := cmp.Diff(want, out); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// kubectl's printer flushes each hundred rows. Colours and widths must survive that.
func TestManyRows(t *testing.T) {
	var sessions []v1alpha1.BillingSession
	for i := range 250 {
		sessions = append(sessions, *session(fmt.Sprintf("n%0*d", 3+i/20, i), refused))
	}
	out := printed(t, printers.PrintOptions{}, true, sessions...)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != 251 || strings.Contains(lines[0], "\x1b") {
		t.Fatalf("%d lines, the first one %q", len(lines), lines[0])
	}
	for _, line := range lines[1:] {
		if !strings.HasPrefix(line, "\x1b[31mn") || strings.Index(line, "False") != strings.Index(lines[0], "READY")+len("\x1b[31m") {
			t.Fatalf("a line is not in its column, or has no colour: %q", line)
		}
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
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestRowsAreEscapedForTheTerminal(t *testing.T) {
	gone := session("acme", condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "\x1b[2J", "one\ttwo\rthree"))
	if out := printed(t, printers.PrintOptions{Wide: true}, false, *gone); strings.ContainsAny(out, "\x1b\r\t") {
		t.Errorf("%q", out)
	}
}
