package main

import (
	"maps"
	"math"
	"slices"
)

// curve is a measure over the number of sessions.
type curve struct {
	name   string
	values map[int]float64
}

// curves are those of the measures in some units, in the order in which they were noted first.
func (r results) curves(units ...string) []curve {
	var all []curve
	for _, m := range r {
		if m.Sessions == 0 || !slices.Contains(units, m.Unit) {
			continue
		}
		i := slices.IndexFunc(all, func(c curve) bool { return c.name == m.Name })
		if i < 0 {
			i = len(all)
			all = append(all, curve{m.Name, map[int]float64{}})
		}
		all[i].values[m.Sessions] = m.Value
	}
	// What was measured with one number of sessions only has no shape.
	return slices.DeleteFunc(all, func(c curve) bool { return len(c.values) < 2 })
}

// slope is what a session adds, from the fewest sessions that were measured to the most.
func (c curve) slope() float64 {
	sessions := slices.Sorted(maps.Keys(c.values))
	few, many := sessions[0], sessions[len(sessions)-1]
	return (c.values[many] - c.values[few]) / float64(many-few)
}

// power is the slope of the line through the logarithms that has the least squares.
func (c curve) power() float64 {
	var x, y, xx, xy float64
	for sessions, value := range c.values {
		logX, logY := math.Log(float64(sessions)), math.Log(value)
		x, y, xx, xy = x+logX, y+logY, xx+logX*logX, xy+logX*logY
	}
	n := float64(len(c.values))
	return (n*xy - x*y) / (n*xx - x*x)
}
