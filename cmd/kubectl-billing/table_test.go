package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestTables(t *testing.T) {
	sessions := []*v1alpha1.BillingSession{
		session("acme", issued(8*time.Minute, 5*time.Minute)),
		session("beta", issued(8*time.Minute, -time.Minute), failing, retry(20*time.Second)),
		session("gone", refused, retry(time.Hour)),
	}
	for _, row := range []struct {
		why    string
		adjust func(*table)
		want   string
	}{
		{"what people see", func(*table) {}, `
NAME   READY   LIFE LEFT   RENEWS          CAUSE
acme   True    8 minutes   in 5 minutes
beta   True    8 minutes   in 20 seconds   Unavailable
gone   False   -           in 1 hour       Rejected
`},
		{"all namespaces", func(t *table) { t.namespaces = true }, `
NAMESPACE   NAME   READY   LIFE LEFT   RENEWS          CAUSE
finance     acme   True    8 minutes   in 5 minutes
finance     beta   True    8 minutes   in 20 seconds   Unavailable
finance     gone   False   -           in 1 hour       Rejected
`},
		{"all there is", func(t *table) { t.wide = true }, `
NAME   READY   LIFE LEFT   RENEWS          CAUSE         EXPIRES                SECRET   AGE   MESSAGE
acme   True    8 minutes   in 5 minutes                  {expires}   acme     5h
beta   True    8 minutes   in 20 seconds   Unavailable   {expires}   beta     5h    The endpoint answered 503
gone   False   -           in 1 hour       Rejected      -                      gone     5h    The endpoint answered 403
`},
		{"on a terminal, rows in trouble have a colour", func(t *table) { t.colour = true }, `
NAME   READY   LIFE LEFT   RENEWS          CAUSE
acme   True    8 minutes   in 5 minutes
{yellow}beta   True    8 minutes   in 20 seconds   Unavailable{reset}
{red}gone   False   -           in 1 hour       Rejected{reset}
`},
	} {
		t.Run(row.why, func(t *testing.T) {
			var out strings.Builder
			table := newTable(&out)
			row.adjust(table)
			for _, s := range sessions {
				table.add(s, noon, false)
			}
			if err := table.flush(); err != nil {
				t.Fatal(err)
			}
			want := strings.NewReplacer("{expires}", formatTime(noon.Add(8*time.Minute)),
				"{yellow}", "\x1b[33m", "{red}", "\x1b[31m", "{reset}", "\x1b[0m").Replace(row.want[1:])
			if diff := cmp.Diff(want, out.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLaterRowsKeepTheLayout(t *testing.T) {
	var out strings.Builder
	table := newTable(&out)
	acme := session("acme-corporation", issued(8*time.Minute, 5*time.Minute))
	for _, row := range []struct {
		session *v1alpha1.BillingSession
		deleted bool
	}{{acme, false}, {session("b", issued(time.Second, 0)), false}, {acme, true}} {
		table.add(row.session, noon, row.deleted)
		if err := table.flush(); err != nil {
			t.Fatal(err)
		}
	}
	want := `
NAME               READY   LIFE LEFT   RENEWS         CAUSE
acme-corporation   True    8 minutes   in 5 minutes
b                  True    1 second    now
acme-corporation   Deleted   -           -
`[1:]
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestRowsAreEscapedForTheTerminal(t *testing.T) {
	var out strings.Builder
	table := newTable(&out)
	table.wide = true
	table.add(session("acme", condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "\x1b[2J", "one\ttwo\rthree")), noon, false)
	if err := table.flush(); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\r\t") {
		t.Errorf("%q", out.String())
	}
}
