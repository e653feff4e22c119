package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// player lets the demo use what the tests are made with, package env, which fails a testing.TB. A
// failure is a panic, which perform turns into an error.
type player struct {
	testing.TB // env calls none of its methods but those below

	ctx      context.Context // ends when a person stops the demo
	cleanups []func()
}

type failure struct{ error }

func (p *player) Helper()                  {}
func (p *player) Failed() bool             { return false } // the printer shows the log
func (p *player) Context() context.Context { return p.ctx }
func (p *player) Cleanup(clean func())     { p.cleanups = append(p.cleanups, clean) }

func (p *player) Fatal(values ...any) { p.fail(errors.New(strings.TrimSpace(fmt.Sprintln(values...)))) }

func (p *player) Fatalf(format string, values ...any) { p.fail(fmt.Errorf(format, values...)) }

func (p *player) Errorf(format string, values ...any) { p.fail(fmt.Errorf(format, values...)) }

// must ends the demo when something went wrong.
func (p *player) must(err error) {
	if err != nil {
		p.fail(err)
	}
}

// fail ends the demo. What fails because a person has stopped it is no fault.
func (p *player) fail(err error) {
	if p.ctx.Err() != nil {
		err = context.Cause(p.ctx)
	}
	panic(failure{err})
}

// perform does it, and then cleans up in the reverse order of setting up.
func (p *player) perform(do func()) error {
	err := try(do)
	for _, clean := range slices.Backward(p.cleanups) {
		err = errors.Join(err, try(clean))
	}
	return err
}

// try returns the failure of what it does.
func try(do func()) (err error) {
	defer func() {
		cause := recover()
		failed, isFailure := cause.(failure)
		if cause != nil && !isFailure {
			panic(cause)
		}
		err = failed.error
	}()
	do()
	return nil
}
