package main

import (
	"testing"

	"k8s.io/utils/ptr"
)

func TestTheFirstRangeThatFitsJudges(t *testing.T) {
	judge := ranges{
		{Measure: "calls: get", bounds: bounds{Least: ptr.To(1.0), Most: ptr.To(1.0)}},
		{Measure: "calls: watch *"},
		{Measure: "calls: *", bounds: bounds{Most: ptr.To(0.0)}},
		{Measure: "ratio", Sessions: 5000, bounds: bounds{Most: ptr.To(1.25)}},
		{Measure: "share", bounds: bounds{Least: ptr.To(0.5)}},
	}
	for _, row := range []struct {
		why     string
		measure measure
		outside bool
	}{
		{"exactly what it is to be", measure{Name: "calls: get", Value: 1}, false},
		{"too few are as wrong as too many", measure{Name: "calls: get", Value: 0}, true},
		{"a call that nobody thought of", measure{Name: "calls: delete", Value: 1}, true},
		{"an entry without bounds lets everything be", measure{Name: "calls: watch pods", Value: 9}, false},
		{"at the bound is within", measure{Name: "ratio", Sessions: 5000, Value: 1.25}, false},
		{"above the bound", measure{Name: "ratio", Sessions: 5000, Value: 1.26}, true},
		{"another number of sessions has no range", measure{Name: "ratio", Sessions: 1000, Value: 9}, false},
		{"below the bound", measure{Name: "share", Value: 0.4}, true},
		{"nothing fits", measure{Name: "time", Value: 1e9}, false},
	} {
		if outside := judge.judge([]measure{row.measure}); (len(outside) > 0) != row.outside {
			t.Errorf("%s: outside %v, want %v", row.why, !row.outside, row.outside)
		}
	}
}

// TestRangesAreRead keeps a slip in the file from letting everything pass.
func TestRangesAreRead(t *testing.T) {
	judge, err := readRanges("ranges.yaml")
	if err != nil {
		t.Fatal(err)
	}
	slow := measure{Name: "time over the floor", Sessions: 5000, Value: 2}
	wasteful := measure{Name: "restart: get secrets", Sessions: 1000, Value: 1}
	if outside := judge.judge([]measure{slow, wasteful}); len(outside) != 2 {
		t.Errorf("only %v are outside", outside)
	}
}
