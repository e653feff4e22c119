// Package kustomize holds what is in config/ to its word: each object is rendered by
// the pinned kustomize and shown to a real API server, and the manager runs with
// no other permissions than those.
package kustomize

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

// cluster is an API server to which config/default is applied before any test.
var cluster *controlplane.ControlPlane

func TestMain(m *testing.M) {
	os.Exit(runWithCluster(m))
}

func runWithCluster(m *testing.M) int {
	var err error
	cluster, err = controlplane.Start(context.Background(), controlplane.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "no API server:", err)
		return 1
	}
	defer func() { _ = cluster.Stop() }()
	if err := install(context.Background(), cluster, "default"); err != nil {
		fmt.Fprintln(os.Stderr, "config/default is not accepted:", err)
		return 1
	}
	return m.Run()
}
