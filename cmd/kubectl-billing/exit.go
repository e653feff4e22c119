package main

import (
	"errors"
	"fmt"
	"io"
)

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
