// Command plot draws the results of the bench as one SVG.
//
//	go run . results.json results.svg
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// panels are what is drawn, over the number of sessions.
var panels = [][]panel{
	{
		{"Until all sessions are ready", "seconds", true, []line{
			{"manager", "time of the manager"}, {"floor", "time of the floor"},
			{"manager, after a restart", "restart: until at rest"}}},
		{"Manager over floor", "ratio", false, []line{
			{"time", "time over the floor"}, {"computing time", "computing time over the floor"}}},
	},
	{
		{"Computing for a session", "milliseconds", false, []line{
			{"manager, in the API server", "computing per session, the manager in the API server"},
			{"floor, in the API server", "computing per session, the floor in the API server"},
			{"manager itself", "computing per session, the manager itself"},
			{"floor itself", "computing per session, the floor itself"}}},
		{"Memory of the manager", "MB", true, []line{
			{"resident, after first issue", "resident memory after first issue"},
			{"resident, at rest", "resident memory at rest"},
			{"resident, standing by", "resident memory standing by"},
			{"Go heap, at rest", "Go heap at rest"}}},
	},
}

type panel struct {
	title, unit string
	grows       bool // with the number of sessions, so that both axes have logarithms
	lines       []line
}

type line struct{ label, measure string }

// results are the part of the bench's results that is drawn.
type results struct {
	Measures []struct {
		Name     string
		Sessions float64
		Value    float64
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "plot: say which results.json to draw, and into which SVG file")
		os.Exit(2)
	}
	if err := drawFile(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func drawFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var r results
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	plots := make([][]*plot.Plot, len(panels))
	for i, row := range panels {
		for _, one := range row {
			drawn, err := one.plot(r)
			if err != nil {
				return err
			}
			plots[i] = append(plots[i], drawn)
		}
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	return errors.Join(render(plots, file), file.Close())
}

func render(plots [][]*plot.Plot, into *os.File) error {
	canvas := vgsvg.New(26*vg.Centimeter, 20*vg.Centimeter)
	tiles := draw.Tiles{
		Rows: len(plots), Cols: len(plots[0]),
		PadX: vg.Centimeter, PadY: vg.Centimeter, PadTop: vg.Millimeter, PadRight: 5 * vg.Millimeter,
	}
	for i, row := range plot.Align(plots, tiles, draw.New(canvas)) {
		for j, tile := range row {
			plots[i][j].Draw(tile)
		}
	}
	_, err := canvas.WriteTo(into)
	return err
}

func (p panel) plot(r results) (*plot.Plot, error) {
	drawn := plot.New()
	drawn.Title.Text, drawn.X.Label.Text, drawn.Y.Label.Text = p.title, "sessions", p.unit
	drawn.X.Scale, drawn.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	drawn.Legend.Top, drawn.Legend.Left = true, true
	drawn.Add(plotter.NewGrid())
	var lines []any
	for _, one := range p.lines {
		lines = append(lines, one.label+r.power(one.measure), one.points(r))
	}
	if err := plotutil.AddLinePoints(drawn, lines...); err != nil {
		return nil, fmt.Errorf("%s: %w", p.title, err)
	}
	if p.grows {
		drawn.Y.Scale, drawn.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		drawn.Y.Max *= 10 // room for the legend
		return drawn, nil
	}
	drawn.Y.Min, drawn.Y.Max = 0, drawn.Y.Max*1.35
	return drawn, nil
}

// power is what the bench found of how a measure grows with the number of sessions n.
func (r results) power(measure string) string {
	for _, m := range r.Measures {
		if m.Name == "growth: "+measure {
			return fmt.Sprintf(" ~ n^%.2f", m.Value)
		}
	}
	return ""
}

func (l line) points(r results) plotter.XYs {
	var points plotter.XYs
	for _, m := range r.Measures {
		if m.Name == l.measure {
			points = append(points, plotter.XY{X: m.Sessions, Y: m.Value})
		}
	}
	return points
}
