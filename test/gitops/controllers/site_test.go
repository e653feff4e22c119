package controllers

import (
	"context"
	"net/http/httptest"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/standin"
)

// site is a cluster with the tools that work on it, and what these and the operator ask.
type site struct {
	cluster   *controlplane.ControlPlane
	kube      client.WithWatch
	endpoint  *standin.Server
	url       string  // of the endpoint
	artifacts *server // that Flux reads
	flux      *controller
	argoCD    func() (*argo, error) // starts it for the first test that asks
	stops     []func()
}

// startSite starts a cluster with definitions of resources.
func startSite(ctx context.Context, definitions []string) (s *site, err error) {
	s = &site{endpoint: standin.New(), artifacts: serveGit()}
	server := httptest.NewServer(s.endpoint)
	s.url, s.stops = server.URL, []func(){server.Close, s.artifacts.Close}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if s.cluster, err = controlplane.Start(ctx, controlplane.Options{CRDDirs: definitions}); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, func() { _ = s.cluster.Stop() })
	if s.kube, err = client.NewWithWatch(s.cluster.Config(), client.Options{Scheme: scheme()}); err != nil {
		return nil, err
	}
	go s.collectGarbage(ctx)
	s.argoCD = sync.OnceValues(func() (*argo, error) { return s.startArgoCD(ctx) })
	return s, nil
}

// startFlux starts Flux's controller.
func (s *site) startFlux(ctx context.Context) error {
	health, err := freeAddress()
	if err != nil {
		return err
	}
	s.flux, err = s.start(ctx, "http://"+health+"/readyz", built.flux,
		"--metrics-addr", "0", "--health-addr", health, "--enable-leader-election=false",
		// Each Kustomization that waits holds a worker.
		"--concurrent", "100", "--requeue-dependency", "1s", "--interval-jitter-percentage", "0")
	return err
}

// stop ends in reverse what was started.
func (s *site) stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
}
