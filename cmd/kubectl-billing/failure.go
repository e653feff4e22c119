package main

import (
	"errors"
	"fmt"
	"io"

	"k8s.io/cli-runtime/pkg/printers"
)

// Exit codes, which scripts rely on and the help documents.
const (
	exitError    = 1
	exitUsage    = 2
	exitNotReady = 3
	exitTimeout  = 4
)

// failure is an error that ends with an exit code of its own.
type failure struct {
	code int
	error
}

func (f failure) Unwrap() error { return f.error }

func fail(code int, format string, values ...any) error {
	return failure{code, fmt.Errorf(format, values...)}
}

// report tells an error to the person, and returns the exit code. Of several
// errors the first decides.
func report(err error, out io.Writer) int {
	if err == nil {
		return 0
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		errs := several.Unwrap()
		code := report(errs[0], out)
		for _, other := range errs[1:] {
			report(other, out)
		}
		return code
	}
	_, _ = fmt.Fprintln(out, "error:", printers.EscapeTerminal(err.Error()))
	if f := (failure{}); errors.As(err, &f) {
		return f.code
	}
	return exitError
}
