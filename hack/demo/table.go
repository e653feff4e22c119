package main

import (
	"bytes"
	"fmt"
	"strings"
	"text/tabwriter"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// formatTable formats a table of the API server as kubectl does: only columns of
// priority 0, three spaces apart, with headings in capitals.
func formatTable(table *metav1.Table) string {
	var out bytes.Buffer
	aligned := tabwriter.NewWriter(&out, 0, 0, 3, ' ', 0)
	headings := make([]any, len(table.ColumnDefinitions))
	for i, column := range table.ColumnDefinitions {
		headings[i] = strings.ToUpper(column.Name)
	}
	writeRow(aligned, table, headings)
	for _, row := range table.Rows {
		writeRow(aligned, table, row.Cells)
	}
	_ = aligned.Flush() // writing to a buffer cannot fail
	return out.String()
}

func writeRow(out *tabwriter.Writer, table *metav1.Table, cells []any) {
	var shown []string
	for i, column := range table.ColumnDefinitions {
		if column.Priority != 0 {
			continue
		}
		cell := ""
		if i < len(cells) && cells[i] != nil {
			cell = fmt.Sprint(cells[i])
		}
		shown = append(shown, cell)
	}
	_, _ = fmt.Fprintln(out, strings.Join(shown, "\t"))
}
