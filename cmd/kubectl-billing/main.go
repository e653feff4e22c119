// Command kubectl-billing is what people type: a kubectl plugin that lists billing
// sessions, opens and renews their URLs, and explains what the controller does next.
package main

import (
	"context"
	"os"

	"github.com/cli/browser"
	"github.com/go-logr/logr"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	// Libraries report through errors; what they log is for operators of servers.
	ctrllog.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	browser.Stdout = os.Stderr // what a browser says is not our output
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	os.Exit(run(context.Background(), arguments(os.Args), streams))
}

// run does what the arguments say, and returns the exit code.
func run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	called, err := parse(args, streams)
	if err == nil && called.operation != nil {
		err = called.operation.run(ctx, &environment{
			IOStreams: streams,
			clock:     clock.RealClock{},
			browse:    browser.OpenURL,
			connect:   func() (*cluster, error) { return connect(called.kubeconfig, streams.ErrOut) },
		})
	}
	return report(err, streams.ErrOut)
}
