// Package controllers runs Flux's kustomize-controller, as it was released, on the operator: both
// are processes on a real API server. "make gitops" runs it; plain "go test" does not.
//
// Flux's source-controller is not needed. A GitRepository with an artifact is all that
// kustomize-controller sees of it, so a test writes the artifact and serves it itself.
package controllers

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/test/standin"
)

var (
	run   = flag.Bool("gitops.run", false, "build Flux's controller and run the tests; without it nothing runs")
	table = flag.String("gitops.table", "", "`folder` that gets tables in Markdown of what the tools said")
	soak  = flag.Duration("gitops.soak", 0, "for how `long` Flux and the operator run side by side; 0 leaves the soak out")
)

// root is the project's, seen from this folder, in which tests run.
const root = "../../.."

// What most tests share. Each of them has a namespace and an API key of its own.
var (
	built  programs
	shared *site
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "64") // they mostly wait
	if !*run {
		fmt.Println("Flux's controller was not asked for; see: make gitops")
		return
	}
	ctrllog.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if built, err = build(ctx); err != nil {
		return 0, err
	}
	if shared, err = startSite(ctx, append(built.crds, filepath.Join(root, "config", "crd", "bases"))); err != nil {
		return 0, err
	}
	defer shared.stop()
	operator, err := shared.startOperator(ctx)
	if err != nil {
		return 0, err
	}
	defer operator.stop()
	if err := shared.startFlux(ctx); err != nil {
		return 0, err
	}
	defer shared.flux.stop()
	code = m.Run()
	return code, writeTables(*table)
}

func (s *site) startOperator(ctx context.Context) (*controller, error) {
	health, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return s.start(ctx, "http://"+health+"/readyz", built.operator,
		"--endpoint-url", s.url+standin.Path, "--endpoint-qps", "0",
		"--watch-label-selector", "!"+unwatched,
		"--metrics-bind-address", "0", "--health-probe-bind-address", health, "--log-format", "text")
}

// patience is how long a test waits for what should take seconds.
const patience = 3 * time.Minute
