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

// printer tells people what happens, each line with the time since the start.
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

// indent is where text begins after the time and the mark.
const indent = "           "

// title begins a part.
func (p *printer) title(text string) { p.print("\n" + p.bold.Sprint(text) + "\n") }

// text is told as it is.
func (p *printer) text(text string) { p.print(text + "\n") }

// didf tells what the demo does.
func (p *printer) didf(format string, args ...any) { p.line("→", fmt.Sprintf(format, args...)) }

// sawf tells what the operator was seen to do.
func (p *printer) sawf(format string, args ...any) {
	p.line(p.good.Sprint("✓"), fmt.Sprintf(format, args...))
}

// waitf tells what is awaited.
func (p *printer) waitf(format string, args ...any) {
	p.line(p.faint.Sprint("…"), p.faint.Sprintf(format, args...))
}

// asidef adds to the line before.
func (p *printer) asidef(format string, args ...any) {
	p.print(indent + p.faint.Sprintf(format, args...) + "\n")
}

// block sets text of several lines off.
func (p *printer) block(text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	p.print("\n" + indent + strings.Join(lines, "\n"+indent) + "\n\n")
}

// failure says what went wrong, and the operator's last words where there are any.
func (p *printer) failure(err error) {
	p.print("\n")
	p.line(p.bad.Sprint("✗"), sentence(err))
	var words *lastWordsError
	if errors.As(err, &words) && len(words.lines) > 0 {
		p.text(fmt.Sprintf("\nThe end of the operator's log, %s:\n", words.path))
		p.text("  " + strings.Join(words.lines, "\n  "))
	}
}

// Write takes the progress of others, in whole lines.
func (p *printer) Write(lines []byte) (int, error) {
	for line := range strings.Lines(string(lines)) {
		p.waitf("%s", strings.TrimSpace(line))
	}
	return len(lines), nil
}

func (p *printer) line(mark, text string) {
	at := p.faint.Sprintf("%7.1fs", p.elapsed().Seconds())
	p.print(fmt.Sprintf("%s %s %s\n", at, mark, text))
}

// sentence is an error as a sentence, or as what it is where it has several lines.
func sentence(err error) string {
	text := strings.TrimSpace(err.Error())
	text = strings.ToUpper(text[:1]) + text[1:]
	if !strings.Contains(text, "\n") {
		return text + "."
	}
	return strings.ReplaceAll(text, "\n", "\n"+indent)
}

// seconds is a duration as people say it.
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
	_, _ = io.WriteString(p.out, text) // nobody is left to be told
}
