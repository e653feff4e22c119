// Command demo shows the operator at work on this machine: a Kubernetes API
// server with its etcd, the manager as a process, and a stand-in of Xtracta's
// endpoint. It needs no cluster, no container and no account.
//
//	go run ./hack/demo          shows a session's life in about a minute
//	go run ./hack/demo --stay   stays up for kubectl until Ctrl-C
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fatih/color"
	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

func main() {
	stay := flag.Bool("stay", false, "stay up for kubectl until Ctrl-C, instead of running the steps")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "demo: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctrl.SetLogger(logr.Discard()) // the messages of libraries would only disturb

	out := newPrinter(os.Stdout, !color.NoColor)
	story := scripted
	if *stay {
		story = interactive
	}
	ctx := untilStopped()
	context.AfterFunc(ctx, func() { out.waitingf("Stopping") })
	if err := perform(ctx, out, story); err != nil {
		out.failure(err)
		os.Exit(1)
	}
}

// errStopped means that a person stopped the demo.
var errStopped = errors.New("stopped before the end")

// untilStopped returns a context that ends with the first Ctrl-C or SIGTERM; a second
// one ends the process at once. It also ends with the process that started this one, as
// "go run" does not forward SIGTERM.
func untilStopped() context.Context {
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancelCause(context.Background())
	parent := os.Getppid()
	go func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for os.Getppid() == parent && signals.Err() == nil {
			select {
			case <-signals.Done():
			case <-ticker.C:
			}
		}
		stop()
		cancel(errStopped)
	}()
	return ctx
}
