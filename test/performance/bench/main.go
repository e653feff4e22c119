// Command bench measures the manager beside the least that its work can cost: a
// bare loop that makes, for each session, one request to the endpoint and three
// calls to the API server. Both run as processes, in turns, with the same number
// of sessions, keys and workers, each against a fresh API server of its own.
//
//	go run ./test/performance/bench --sessions 1000,5000,10000
//	go run ./test/performance/bench latency --sessions 5000 --burst 1000
//
// The second form measures how long people wait for a URL instead, and judges nothing.
//
// It fails where a ratio or a count is outside of ranges.yaml. No absolute time is
// judged. It reads /proc, so it needs Linux.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

type options struct {
	sessions    []int
	rounds      int
	concurrency int
	foreign     int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctrl.SetLogger(logr.Discard()) // libraries say nothing here that the measures do not
	klog.SetLogger(logr.Discard())
	run := runBench
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case floorCommand:
			run = runFloor
		case latencyCommand:
			run = runLatency
		}
	}
	err := run(ctx, os.Args[1:])
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func runBench(ctx context.Context, args []string) error {
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	judge, err := readRanges(filepath.Join("test", "performance", "bench", "ranges.yaml"))
	if err != nil {
		return fmt.Errorf("%w; run this in the project's root", err)
	}
	b := &bench{options: o, out: os.Stdout}
	if err := b.run(ctx); err != nil {
		return err
	}
	outside := judge.judge(b.results)
	b.results.print(os.Stdout)
	for _, m := range outside {
		fmt.Fprintf(os.Stdout, "OUTSIDE its range: %s\n", m)
	}
	if len(outside) > 0 {
		return fmt.Errorf("%d measures are outside their ranges in test/performance/bench/ranges.yaml", len(outside))
	}
	return nil
}

func parseFlags(args []string) (options, error) {
	var o options
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.IntSliceVar(&o.sessions, "sessions", []int{1000, 5000, 10000}, "`numbers` of sessions to measure, ascending")
	flags.IntVar(&o.rounds, "rounds", 3, "how often floor and manager take turns with up to 5000 sessions; the best of each counts")
	flags.IntVar(&o.concurrency, "concurrency", 16, "requests to the endpoint at once")
	flags.IntVar(&o.foreign, "foreign", 20000, "unrelated Secrets of 10 KB to add to the cluster of the fewest sessions")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	return o, errors.Join(
		must(len(o.sessions) > 0, "--sessions: must name at least one number"),
		must(o.rounds > 0, "--rounds: must be at least 1"),
		must(flags.NArg() == 0, "unexpected argument: every option begins with --"),
	)
}

func must(holds bool, message string) error {
	if holds {
		return nil
	}
	return errors.New(message)
}
