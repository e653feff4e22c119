package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/fatih/color"
)

// printer prints what happens, each line with the time since the start.
type printer struct {
	out     io.Writer
	elapsed func() time.Duration

	bold, good, bad, faint *color.Color

	mu sync.Mutex
}

func newPrinter(out io.Writer, colours bool) *printer {
	started := time.Now()
	p := &printer{
		out:     out,
		elapsed: func() time.Duration { return time.Since(started) },
		bold:    color.New(color.Bold), good: color.New(color.FgGreen),
		bad: color.New(color.FgRed), faint: color.New(color.Faint),
	}
	for _, c := range []*color.Color{p.bold, p.good, p.bad, p.faint} {
		if colours {
			c.EnableColor()
		} else {
			c.DisableColor()
		}
	}
	return p
}

// indent aligns text with the text of lines that have a time and a mark.
const indent = "           "

// title starts a section.
func (p *printer) title(text string) { p.print("\n" + p.bold.Sprint(text) + "\n") }

// text prints text as it is.
func (p *printer) text(text string) { p.print(text + "\n") }

// actionf prints what the demo does.
func (p *printer) actionf(format string, args ...any) { p.line("→", fmt.Sprintf(format, args...)) }

// successf prints what the operator has done.
func (p *printer) successf(format string, args ...any) {
	p.line(p.good.Sprint("✓"), fmt.Sprintf(format, args...))
}

// waitingf prints what the demo is waiting for.
func (p *printer) waitingf(format string, args ...any) {
	p.line(p.faint.Sprint("…"), p.faint.Sprintf(format, args...))
}

// notef adds a detail to the line before.
func (p *printer) notef(format string, args ...any) {
	p.print(indent + p.faint.Sprintf(format, args...) + "\n")
}

// block prints several lines of text, between empty lines.
func (p *printer) block(text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	p.print("\n" + indent + strings.Join(lines, "\n"+indent) + "\n\n")
}

// logTailLines is how much of the operator's log is shown after a failure.
const logTailLines = 12

// logTailError is an error with the end of the operator's log.
type logTailError struct {
	error

	path  string
	lines []string
}

func (e *logTailError) Unwrap() error { return e.error }

// failure prints an error, and the end of the operator's log where the error has it.
func (p *printer) failure(err error) {
	p.print("\n")
	p.line(p.bad.Sprint("✗"), sentence(err))
	var tail *logTailError
	if errors.As(err, &tail) && len(tail.lines) > 0 {
		p.text(fmt.Sprintf("\nThe end of the operator's log, %s:\n", tail.path))
		p.text("  " + strings.Join(tail.lines, "\n  "))
	}
}

// Write prints the progress of builds and downloads, in whole lines.
func (p *printer) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		p.waitingf("%s", strings.TrimSpace(line))
	}
	return len(lines), nil
}

func (p *printer) line(mark, text string) {
	at := p.faint.Sprintf("%7.1fs", p.elapsed().Seconds())
	p.print(fmt.Sprintf("%s %s %s\n", at, mark, text))
}

// sentence makes a sentence of an error. One of several lines is only indented.
func sentence(err error) string {
	text := strings.TrimSpace(err.Error())
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.Contains(text, "\n") {
		return text + "."
	}
	return strings.ReplaceAll(text, "\n", "\n"+indent)
}

// seconds formats a duration for people.
func seconds(d time.Duration) string {
	n := int(d.Round(time.Second).Seconds())
	if n == 1 {
		return "1 second"
	}
	return fmt.Sprintf("%d seconds", n)
}

func (p *printer) print(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = io.WriteString(p.out, text) // there is no other place to report it
}
