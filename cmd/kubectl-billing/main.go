// Command kubectl-billing is a kubectl plugin: it lists billing sessions, opens and
// renews their URLs, and explains how they stand.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

func main() {
	// The libraries also return their errors, so their log lines would only repeat
	// what the user reads anyway.
	klog.SetLogger(logr.Discard())
	// Without this a write to a closed pipe would end the process, with nothing said.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	args := arguments(os.Args)
	if isCompletion(args) {
		completeApart(args, streams.Out)
		return
	}
	os.Exit(run(context.Background(), args, streams))
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	stdout := streams.Out
	out := &checkedWriter{Writer: stdout}
	streams.Out = out
	now := &serverClock{own: clock.RealClock{}}
	parsed, err := parse(args, streams)
	if err == nil && parsed.operation != nil {
		err = parsed.operation.run(ctx, &environment{
			IOStreams: streams,
			terminal:  printers.IsTerminal(stdout),
			clock:     now,
			browse:    func(url string) error { return openInBrowser(url, streams.ErrOut) },
			connect:   func() (*cluster, error) { return connect(parsed.kubeconfig, streams.ErrOut, now) },
		})
	}
	return report(out.check(err), streams.ErrOut)
}
