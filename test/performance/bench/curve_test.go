package main

import (
	"math"
	"testing"
)

func TestPowersOfGrowth(t *testing.T) {
	var r results
	for _, n := range []int{1000, 5000, 10000, 100000} {
		x := float64(n)
		for _, m := range []measure{
			{Name: "constant", Value: 7, Unit: "s"},
			{Name: "linear", Value: 3 * x, Unit: "s"},
			{Name: "linear after a start", Value: 20000 + 3*x, Unit: "s"},
			{Name: "quadratic", Value: x * x / 1000, Unit: "MB"},
			{Name: "calls", Value: 3, Unit: "per session"},
		} {
			m.Sessions = n
			r = append(r, m)
		}
	}
	r = append(r, measure{Name: "once", Sessions: 1000, Value: 1, Unit: "s"}, measure{Name: "of all", Value: 1, Unit: "s"})
	want := []struct {
		name     string
		from, to float64
	}{
		{"constant", 0, 0}, {"linear", 1, 1}, {"linear after a start", .4, .9}, {"quadratic", 2, 2},
	}
	curves := r.curves("s", "MB")
	if len(curves) != len(want) {
		t.Fatalf("%d curves, want %d: %v", len(curves), len(want), curves)
	}
	for i, c := range curves {
		const exact = 1e-9
		if got := c.power(); c.name != want[i].name || math.IsNaN(got) || got < want[i].from-exact || got > want[i].to+exact {
			t.Errorf("%s grows with the power %v, want %v", c.name, got, want[i])
		}
	}
}

// TestSlope leaves out numbers of sessions with which something was not measured.
func TestSlope(t *testing.T) {
	c := curve{"memory", map[int]float64{1000: 70, 5000: 100, 10000: 160}}
	if got := c.slope(); got != .01 {
		t.Errorf("a session adds %v, want .01", got)
	}
}
