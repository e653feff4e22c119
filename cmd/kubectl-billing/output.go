package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

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
		return w.err
	}
	return errors.Join(err, w.err)
}
