// Command gotest runs "go test", prints its usual output, and lists at the end which
// tests were slow, and which were skipped and why:
//
//	go run ./hack/gotest [--optional=REGEXP] -- -count=1 ./...
//
// A machine may lack what a test needs, such as root or a browser. CI lacks nothing, and a
// test that CI skips would never run anywhere. With CI=true every skipped test is
// therefore a failure, except for the optional ones.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"syscall"

	"github.com/xtracta/billing-operator/hack/process"
)

// options are the command line and the environment.
type options struct {
	dir      string         // where go test runs
	args     []string       // for go test
	optional *regexp.Regexp // names of tests that CI may skip; nil for none
	ci       bool
}

func main() {
	options := options{dir: ".", ci: os.Getenv("CI") == "true"}
	flag.Func("optional", "`regexp` of tests that CI may skip", func(pattern string) (err error) {
		options.optional, err = regexp.Compile(pattern)
		return err
	})
	flag.Parse()
	options.args = flag.Args()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	signal.Notify(make(chan os.Signal, 1), os.Interrupt) // Ctrl-C reaches go test too, whose last lines are to be printed
	if err := run(ctx, options, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
}

var (
	errTestsFailed  = errors.New("tests failed")
	errTestsSkipped = errors.New("CI must not skip these tests: give it what they need, or make them optional in the Makefile")
)

// run fails when a test fails, or when CI skips one that it must run.
func run(ctx context.Context, o options, out io.Writer) error {
	cmd := process.Command(ctx, o.dir, "go", append([]string{"test", "-json"}, o.args...)...)
	cmd.Stderr = os.Stderr
	events, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := newReport(out)
	readErr := r.read(events)
	waitErr := cmd.Wait()
	if waitErr != nil {
		r.print("FAIL\n") // plain go test ends with it, go test -json does not
	}
	r.printSlow()
	r.printSkipped()
	switch failed := new(exec.ExitError); {
	case errors.As(waitErr, &failed):
		return errTestsFailed
	case errors.Join(readErr, waitErr) != nil:
		return errors.Join(readErr, waitErr)
	case o.ci && r.mustNotSkip(o.optional):
		return errTestsSkipped
	}
	return nil
}
