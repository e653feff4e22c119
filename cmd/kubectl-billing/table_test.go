package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// printed is the table of the sessions at noon.
func printed(t *testing.T, options printers.PrintOptions, sessions ...v1alpha1.BillingSession) string {
	t.Helper()
	var out strings.Builder
	table := newTable(&out, options)
	if err := table.print(sessions, noon, false); err != nil {
		t.Fatal(err)
	}
	return trimmed(out.String())
}

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
		{"all namespaces", printers.PrintOptions{WithNamespace: true}, `
NAMESPACE   NAME   READY   LIFE LEFT          RENEWS   CAUSE
finance     acme   True    8m                 in 5m
finance     beta   True    8m                 in 20s   Unavailable
finance     gone   False   -                  in 60m   Rejected
finance     late   False   expired 3m5s ago   -        Expired
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
			out := printed(t, row.options, sessions...)
			want := strings.NewReplacer("{expires}", formatTime(noon.Add(8*time.Minute)), "{expired}", formatTime(noon.Add(-185*time.Second))).Replace(row.want[1:])
			if diff := cmp.Diff(want, out); diff != "" {
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

func TestRowsAreEscapedForTheTerminal(t *testing.T) {
	gone := session("acme", condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "\x1b[2J", "one\ttwo\rthree"))
	if out := printed(t, printers.PrintOptions{Wide: true}, *gone); strings.ContainsAny(out, "\x1b\r\t") {
		t.Errorf("%q", out)
	}
}
