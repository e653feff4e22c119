package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// results are what a run has found.
type results []measure

// print shows a row for each name, and a column for each number of sessions.
func (r results) print(out io.Writer) {
	columns := map[int]bool{}
	var names []string
	for _, m := range r {
		columns[m.Sessions] = true
		if !slices.Contains(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	delete(columns, 0)
	sessions := slices.Sorted(maps.Keys(columns))
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer func() { _ = table.Flush() }()
	header := "\nsessions"
	for _, n := range sessions {
		header += "\t" + strconv.Itoa(n)
	}
	fmt.Fprintln(table, header+"\t\trange")
	for _, name := range names {
		fmt.Fprintln(table, r.row(name, sessions))
	}
}

func (r results) row(name string, sessions []int) string {
	cells := make([]string, len(sessions))
	var unit, limits string
	for _, m := range r {
		if m.Name != name {
			continue
		}
		cells[max(0, slices.Index(sessions, m.Sessions))] = number(m.Value)
		unit = m.Unit
		if m.Range != nil {
			limits = m.Range.String()
		}
	}
	return strings.Join(append(append([]string{name}, cells...), unit, limits), "\t")
}

// number is a value with as many digits as one wants to read.
func number(value float64) string {
	switch size := math.Abs(value); {
	case value == math.Trunc(value):
		return strconv.FormatFloat(value, 'f', 0, 64)
	case size >= 100:
		return strconv.FormatFloat(value, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
	return strconv.FormatFloat(value, 'f', 4, 64)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
