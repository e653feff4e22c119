package main

import (
	"bytes"
	"io"
	"strings"
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
	out     io.Writer
	colour  bool
	printer printers.ResourcePrinter
	layout  *tabwriter.Writer
	aligned bytes.Buffer // what layout has written
}

func newTable(out io.Writer, options printers.PrintOptions) *table {
	t := &table{out: out, printer: printers.NewTablePrinter(options)}
	t.layout = printers.GetNewTabWriter(&t.aligned)
	return t
}

// print writes a row for each session.
func (t *table) print(sessions []v1alpha1.BillingSession, now time.Time, deleted bool) error {
	rows, severities := make([]metav1.TableRow, len(sessions)), make([]severity, len(sessions))
	for i := range sessions {
		s := stateOf(&sessions[i], now, duration.HumanDuration)
		if deleted { // no other state of it is worth a cell
			s = state{ready: "Deleted", life: none, renews: none, severity: severityError}
		}
		rows[i], severities[i] = row(&sessions[i], s, now), s.severity
	}
	if err := t.printer.PrintObj(&metav1.Table{ColumnDefinitions: columns, Rows: rows}, t.layout); err != nil {
		return err
	}
	_ = t.layout.Flush() // cannot fail: it writes to memory
	return t.flush(severities)
}

// row returns the cells of all columns. Their object tells the printer the namespace.
func row(session *v1alpha1.BillingSession, s state, now time.Time) metav1.TableRow {
	expires := none
	if at := session.Status.ExpirationTime; at != nil {
		expires = formatTime(at.Time)
	}
	r := metav1.TableRow{Object: runtime.RawExtension{Object: session}}
	for _, cell := range []string{
		session.Name, s.ready, s.life, s.renews, s.cause,
		expires, orNone(session.Status.SecretName), duration.HumanDuration(now.Sub(session.CreationTimestamp.Time)), s.message,
	} {
		r.Cells = append(r.Cells, escapeLine(cell))
	}
	return r
}

// flush writes the aligned lines. The last ones are the rows. It colours whole rows: a
// session is in trouble, not a cell.
func (t *table) flush(severities []severity) error {
	lines := strings.Split(strings.TrimSuffix(t.aligned.String(), "\n"), "\n")
	t.aligned.Reset()
	header := len(lines) - len(severities)
	var text strings.Builder
	for i, line := range lines {
		line = strings.TrimRight(line, " ")
		if t.colour && i >= header {
			line = severities[i-header].paint(line)
		}
		text.WriteString(line + "\n")
	}
	_, err := io.WriteString(t.out, text.String())
	return err
}

func (s severity) paint(line string) string {
	const yellow, red, reset = "\x1b[33m", "\x1b[31m", "\x1b[0m"
	switch s {
	case severityWarning:
		return yellow + line + reset
	case severityError:
		return red + line + reset
	case severityOK:
	}
	return line
}

func orNone(text string) string {
	if text == "" {
		return none
	}
	return text
}
