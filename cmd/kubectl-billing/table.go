package main

import (
	"cmp"
	"io"
	"time"

	"github.com/liggitt/tabwriter"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// columns are those of a table of sessions. The ones with a priority are for -o wide.
var columns = []metav1.TableColumnDefinition{
	{Name: "Name", Type: "string", Format: "name"},
	{Name: "Ready", Type: "string"},
	{Name: "Life left", Type: "string"},
	{Name: "Renews", Type: "string"},
	{Name: "Cause", Type: "string"},
	{Name: "Expires", Type: "string", Priority: 1},
	{Name: "Secret", Type: "string", Priority: 1},
	{Name: "Age", Type: "string", Priority: 1},
	{Name: "Message", Type: "string", Priority: 1},
}

// table writes sessions as rows by kubectl's own printer. Later rows keep the column
// widths of earlier ones, so that a watch stays readable.
type table struct {
	printer printers.ResourcePrinter
	layout  *tabwriter.Writer
}

func newTable(out io.Writer, options printers.PrintOptions) table {
	return table{printers.NewTablePrinter(options), printers.GetNewTabWriter(out)}
}

// print writes a row for each session.
func (t table) print(sessions []v1alpha1.BillingSession, now time.Time, deleted bool) error {
	rows := make([]metav1.TableRow, len(sessions))
	for i := range sessions {
		s := stateOf(&sessions[i], now)
		if deleted { // no other state of it is worth a cell
			s = state{ready: "Deleted", life: none, renews: none}
		}
		rows[i] = row(&sessions[i], s, now)
	}
	if err := t.printer.PrintObj(&metav1.Table{ColumnDefinitions: columns, Rows: rows}, t.layout); err != nil {
		return err
	}
	return t.layout.Flush()
}

// row returns the cells of all columns. Their object tells the printer the namespace.
func row(session *v1alpha1.BillingSession, s state, now time.Time) metav1.TableRow {
	expires, secret := none, cmp.Or(session.Status.SecretName, none)
	if at := session.Status.ExpirationTime; at != nil {
		expires = formatTime(at.Time)
	}
	r := metav1.TableRow{Object: runtime.RawExtension{Object: session}}
	for _, cell := range []string{
		session.Name, s.ready, s.life, s.renews, s.cause,
		expires, secret, duration.HumanDuration(now.Sub(session.CreationTimestamp.Time)), s.message,
	} {
		r.Cells = append(r.Cells, escapeLine(cell))
	}
	return r
}

// formatTime formats a time as RFC 3339 in UTC.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
