package main

import (
	"context"
	"fmt"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/utils/clock"
)

// operation is one thing that a person asks for. It holds what the arguments say
// and nothing else, so that two can be compared; it runs itself in an environment.
type operation interface {
	run(ctx context.Context, env *environment) error
}

// environment is all that an operation touches.
type environment struct {
	genericiooptions.IOStreams
	clock clock.PassiveClock
	// browse opens a URL in the person's browser.
	browse func(url string) error
	// connect reaches the cluster that the flags name.
	connect func() (*cluster, error)
}

// say writes a line of output.
func (e *environment) say(format string, values ...any) {
	_, _ = fmt.Fprintf(e.Out, format+"\n", values...)
}

// note writes a line for the person who waits, which is no output.
func (e *environment) note(format string, values ...any) {
	_, _ = fmt.Fprintf(e.ErrOut, format+"\n", values...)
}

// warn writes a warning as kubectl does.
func (e *environment) warn(format string, values ...any) {
	options := printers.WarningPrinterOptions{Color: printers.AllowsColorOutput(e.ErrOut)}
	printers.NewWarningPrinter(e.ErrOut, options).Print(fmt.Sprintf(format, values...))
}
