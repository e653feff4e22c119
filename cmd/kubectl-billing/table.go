package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/liggitt/tabwriter"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// table writes sessions as rows, in kubectl's layout. Later rows keep the column
// widths of earlier ones, so that a watch stays readable.
type table struct {
	out        io.Writer
	wide       bool
	namespaces bool
	colour     bool

	hasHeader  bool
	layout     *tabwriter.Writer
	buffer     bytes.Buffer // the aligned rows that flush writes
	severities []severity   // of the rows in buffer
}

func newTable(out io.Writer) *table {
	t := &table{out: out}
	t.layout = printers.GetNewTabWriter(&t.buffer)
	return t
}

func (t *table) header() {
	cells := []string{"NAME", "READY", "LIFE LEFT", "RENEWS", "CAUSE"}
	if t.wide {
		cells = append(cells, "EXPIRES", "SECRET", "AGE", "MESSAGE")
	}
	t.row(severityOK, "NAMESPACE", cells)
}

// add adds a row. A deleted session has no state that is worth a cell.
func (t *table) add(session *v1alpha1.BillingSession, now time.Time, deleted bool) {
	if !t.hasHeader {
		t.header()
		t.hasHeader = true
	}
	s := stateOf(session, now)
	if deleted {
		s = state{ready: "Deleted", life: none, renews: none, severity: severityError}
	}
	cells := []string{session.Name, s.ready, s.life, s.renews, s.cause}
	if t.wide {
		expires := none
		if at := session.Status.ExpirationTime; at != nil {
			expires = formatTime(at.Time)
		}
		cells = append(cells, expires, orNone(session.Status.SecretName),
			duration.HumanDuration(now.Sub(session.CreationTimestamp.Time)), s.message)
	}
	t.row(s.severity, session.Namespace, cells)
}

func (t *table) row(s severity, namespace string, cells []string) {
	if t.namespaces {
		cells = append([]string{namespace}, cells...)
	}
	for i, cell := range cells {
		cells[i] = escapeLine(cell)
	}
	t.severities = append(t.severities, s)
	_, _ = fmt.Fprintln(t.layout, strings.Join(cells, "\t"))
}

// flush writes the rows that were added. It colours whole rows: a session is in
// trouble, not a cell.
func (t *table) flush() error {
	_ = t.layout.Flush() // cannot fail: it writes to memory
	for _, s := range t.severities {
		line, _ := t.buffer.ReadString('\n')
		line = strings.TrimRight(line, " \n")
		if t.colour {
			line = s.paint(line)
		}
		if _, err := fmt.Fprintln(t.out, line); err != nil {
			return err
		}
	}
	t.buffer.Reset()
	t.severities = nil
	return nil
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
