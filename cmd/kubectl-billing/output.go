package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"k8s.io/cli-runtime/pkg/printers"
)

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

// escape makes text that others wrote harmless for a terminal. It keeps line breaks and
// tabs, and shows every other control or invisible character: one of them could move the
// cursor, recolour lines or reverse what the user reads.
func escape(text string) string {
	var escaped strings.Builder
	for i, r := range text {
		switch {
		case r == '\n' || r == '\t':
			escaped.WriteRune(r)
		case r < ' ' || r == 0x7f:
			escaped.WriteString("^" + string(r^0x40)) // ^[ for ESC, as in kubectl
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			fmt.Fprintf(&escaped, `\x%02x`, text[i]) // a byte that is not UTF-8
		case !unicode.IsGraphic(r):
			fmt.Fprintf(&escaped, `\u%04x`, r)
		default:
			escaped.WriteRune(r)
		}
	}
	return escaped.String()
}

// escapeLine is escape for a text that must stay on one line and in one cell.
func escapeLine(text string) string {
	return escape(strings.NewReplacer("\n", " ", "\t", " ").Replace(text))
}

// checkedWriter is standard output. It keeps the first error, because cobra and most
// callers of fmt drop theirs: a script must not take a truncated output for a whole one.
type checkedWriter struct {
	io.Writer
	err error
}

func (w *checkedWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.Writer.Write(p)
	if err != nil {
		if file := (*fs.PathError)(nil); errors.As(err, &file) {
			err = file.Err // "no space left on device" without the name of a stream
		}
		w.err = fmt.Errorf("the output could not be written: %w", err)
	}
	return n, w.err
}

// check adds an error of the output to the error of the operation, unless that reports
// it already.
func (w *checkedWriter) check(err error) error {
	switch {
	case w.err == nil:
		return err
	case err == nil || errors.Is(err, w.err):
		return w.err // without what others made of it
	}
	return errors.Join(err, w.err)
}

// Exit codes. Scripts rely on them, and the help documents them.
const (
	exitError    = 1
	exitUsage    = 2
	exitNotReady = 3
	exitTimeout  = 4
)

// codedError is an error with an exit code of its own.
type codedError struct {
	code int
	error
}

func (e codedError) Unwrap() error { return e.error }

func failf(code int, format string, values ...any) error {
	return codedError{code, fmt.Errorf(format, values...)}
}

// report prints an error and returns the exit code. The first of several joined
// errors decides the code.
func report(err error, out io.Writer) int {
	if err == nil {
		return 0
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		errs := joined.Unwrap()
		code := report(errs[0], out)
		for _, other := range errs[1:] {
			report(other, out)
		}
		return code
	}
	_, _ = fmt.Fprintln(out, "error:", escape(err.Error()))
	if coded := (codedError{}); errors.As(err, &coded) {
		return coded.code
	}
	return exitError
}
