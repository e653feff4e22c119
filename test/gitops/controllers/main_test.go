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
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/standin"
)

var (
	run   = flag.Bool("gitops.run", false, "build Flux's controller and run the tests; without it nothing runs")
	table = flag.String("gitops.table", "", "`folder` that gets tables in Markdown of what the tools said")
	soak  = flag.Duration("gitops.soak", 0, "for how `long` Flux and the operator run side by side; 0 leaves the soak out")
)

// root is the project's, seen from this folder, in which tests run.
const root = "../../.."

// What all tests share. Each test has a namespace and an API key of its own.
var (
	cluster  *controlplane.ControlPlane
	kube     client.Client
	endpoint *standin.Server
	git      *server
	flux     *controller
	argoCD   func() (*argo, error) // starts it for the first test that asks
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
	programs, err := build(ctx)
	if err != nil {
		return 0, err
	}
	if cluster, err = controlplane.Start(ctx, controlplane.Options{CRDDirs: programs.crds}); err != nil {
		return 0, err
	}
	defer func() { _ = cluster.Stop() }()
	if kube, err = client.New(cluster.Config(), client.Options{Scheme: scheme()}); err != nil {
		return 0, err
	}
	endpoint = standin.New()
	endpointServer := httptest.NewServer(endpoint)
	defer endpointServer.Close()
	git = serveGit()
	defer git.Close()
	go collectGarbage(ctx)

	operator, err := startOperator(ctx, programs.operator, endpointServer.URL)
	if err != nil {
		return 0, err
	}
	defer operator.stop()
	if flux, err = startFlux(ctx, programs.flux); err != nil {
		return 0, err
	}
	defer flux.stop()
	argoCD = sync.OnceValues(func() (*argo, error) { return startArgoCD(ctx) })
	code = m.Run()
	return code, writeTables(*table)
}

func startOperator(ctx context.Context, program, endpoint string) (*controller, error) {
	health, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return start(ctx, "http://"+health+"/readyz", program,
		"--endpoint-url", endpoint+"/v1/billings/billing_ui", "--endpoint-qps", "0",
		"--watch-label-selector", "!"+unwatched,
		"--metrics-bind-address", "0", "--health-probe-bind-address", health, "--log-format", "text")
}

func startFlux(ctx context.Context, program string) (*controller, error) {
	health, err := freeAddress()
	if err != nil {
		return nil, err
	}
	return start(ctx, "http://"+health+"/readyz", program,
		"--metrics-addr", "0", "--health-addr", health, "--enable-leader-election=false",
		// Each Kustomization that waits holds a worker.
		"--concurrent", "100", "--requeue-dependency", "1s", "--interval-jitter-percentage", "0")
}

// patience is how long a test waits for what should take seconds.
const patience = 3 * time.Minute
