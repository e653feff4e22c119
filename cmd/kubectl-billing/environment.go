package main

import (
	"context"
	"fmt"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/utils/clock"
)

// operation is one subcommand with its arguments. It holds nothing else, so that
// tests can compare two operations; run does the work in an environment.
type operation interface {
	run(ctx context.Context, env *environment) error
}

// environment is everything outside of the program that an operation uses.
type environment struct {
	genericiooptions.IOStreams
	terminal bool // whether standard output is one
	clock    clock.PassiveClock
	// browse opens a URL in the user's browser.
	browse func(url string) error
	// connect returns a client for the cluster that the flags name.
	connect func() (*cluster, error)
}

// print writes a line to standard output.
func (e *environment) print(format string, values ...any) {
	_, _ = fmt.Fprintln(e.Out, escape(fmt.Sprintf(format, values...)))
}

// note writes a line to standard error. Progress goes there, because scripts read
// standard output.
func (e *environment) note(format string, values ...any) {
	_, _ = fmt.Fprintln(e.ErrOut, escape(fmt.Sprintf(format, values...)))
}

// warn writes a warning to standard error, formatted as kubectl formats its own.
func (e *environment) warn(format string, values ...any) {
	options := printers.WarningPrinterOptions{Color: printers.AllowsColorOutput(e.ErrOut)}
	printers.NewWarningPrinter(e.ErrOut, options).Print(escape(fmt.Sprintf(format, values...)))
}
