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

// table writes sessions as rows, in kubectl's own layout. What comes later keeps to
// the widths of what came before.
type table struct {
	out        io.Writer
	wide       bool
	namespaces bool
	colour     bool

	begun  bool
	layout *tabwriter.Writer
	page   bytes.Buffer
	moods  []mood
}

func newTable(out io.Writer) *table {
	t := &table{out: out}
	t.layout = printers.GetNewTabWriter(&t.page)
	return t
}

func (t *table) header() {
	cells := []string{"NAME", "READY", "LIFE LEFT", "RENEWS", "CAUSE"}
	if t.wide {
		cells = append(cells, "EXPIRES", "SECRET", "AGE", "MESSAGE")
	}
	t.row(content, "NAMESPACE", cells)
}

// add adds a row. What was deleted has nothing left to tell.
func (t *table) add(session *v1alpha1.BillingSession, now time.Time, deleted bool) {
	if !t.begun {
		t.header()
		t.begun = true
	}
	s := stateOf(session, now)
	if deleted {
		s = state{ready: "Deleted", life: none, renews: none, mood: broken}
	}
	cells := []string{session.Name, s.ready, s.life, s.renews, s.cause}
	if t.wide {
		expires := none
		if at := session.Status.ExpirationTime; at != nil {
			expires = stamp(at.Time)
		}
		cells = append(cells, expires, orNone(session.Status.SecretName),
			duration.HumanDuration(now.Sub(session.CreationTimestamp.Time)), s.message)
	}
	t.row(s.mood, session.Namespace, cells)
}

func (t *table) row(m mood, namespace string, cells []string) {
	if t.namespaces {
		cells = append([]string{namespace}, cells...)
	}
	for i, cell := range cells {
		cells[i] = strings.ReplaceAll(printers.EscapeTerminal(cell), "\t", " ")
	}
	t.moods = append(t.moods, m)
	_, _ = fmt.Fprintln(t.layout, strings.Join(cells, "\t"))
}

// flush writes the rows that were added. A whole row has one colour: it is the
// session that is in trouble, not a cell.
func (t *table) flush() error {
	_ = t.layout.Flush() // into memory
	for _, m := range t.moods {
		line, _ := t.page.ReadString('\n')
		line = strings.TrimRight(line, " \n")
		if t.colour {
			line = m.paint(line)
		}
		if _, err := fmt.Fprintln(t.out, line); err != nil {
			return err
		}
	}
	t.page.Reset()
	t.moods = nil
	return nil
}

func (m mood) paint(line string) string {
	const yellow, red, reset = "\x1b[33m", "\x1b[31m", "\x1b[0m"
	switch m {
	case troubled:
		return yellow + line + reset
	case broken:
		return red + line + reset
	case content:
	}
	return line
}

func orNone(text string) string {
	if text == "" {
		return none
	}
	return text
}
