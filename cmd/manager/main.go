// Command manager runs the controller of BillingSessions.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager/signals"

	// Well-known root certificates, for an image that has none.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/xtracta/billing-operator/cmd/version"
)

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	err := run(signals.SetupSignalHandler(), os.Args[1:], os.Stdout, os.Stderr)
	if err == nil || errors.Is(err, pflag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "manager:", err)
	if opened := (openedError{}); errors.As(err, &opened) {
		fmt.Fprintln(os.Stderr, "manager: begin anew:", beginAnew(time.Now()))
	}
	os.Exit(1)
}

// garbagePercent is how much garbage may be held beside what is used. Go's own 100
// would make of each kilobyte that a session takes two and more of resident memory;
// what collecting more often costs, about a tenth of the little computing, does not count.
const garbagePercent = 50

func run(ctx context.Context, args []string, out, logs io.Writer) error {
	o, err := parseFlags(args, out)
	if err != nil {
		return err
	}
	build := version.Get()
	if o.version {
		_, err := fmt.Fprintln(out, "manager", build)
		return err
	}
	log := newLogger(o, logs)
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	setStandardLog(log)
	// Before anything that can fail, so that a report of a failure shows what failed.
	log.Info("starting", "version", build.Version, "revision", build.Revision, "goVersion", build.GoVersion)
	mgr, err := newManager(ctx, o)
	if err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// patience is what a graceful stop may take beyond a request that is under way.
const patience = 15 * time.Second
