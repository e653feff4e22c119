package main

import (
	"fmt"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// latencyRow is what one scenario found.
type latencyRow struct {
	what  string
	waits []time.Duration
}

// note keeps what a scenario found, and shows it at once.
func (l *latency) note(what string, waits []time.Duration) {
	row := latencyRow{what, waits}
	l.rows = append(l.rows, row)
	l.sayf("%s: %d, p50 %s, p99 %s, max %s", what, len(waits), row.quantile(.5), row.quantile(.99), row.quantile(1))
}

// quantile is the shortest wait that a share of them does not exceed.
func (r latencyRow) quantile(share float64) time.Duration {
	if len(r.waits) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(r.waits))
	rank := int(math.Ceil(share * float64(len(sorted))))
	return sorted[max(rank, 1)-1].Round(100 * time.Microsecond)
}

func (l *latency) print() {
	if len(l.rows) == 0 {
		return
	}
	table := tabwriter.NewWriter(l.out, 0, 0, 2, ' ', 0)
	defer func() { _ = table.Flush() }()
	fmt.Fprintln(table, "\n\tn\tp50\tp99\tmax\tp50 over the floor's")
	floor := l.rows[0].quantile(.5)
	for _, row := range l.rows {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%.2f\n", row.what, len(row.waits), row.quantile(.5), row.quantile(.99), row.quantile(1),
			row.quantile(.5).Seconds()/floor.Seconds())
	}
}
