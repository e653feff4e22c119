// Package kustomize holds what is in config/ to its word: each object is rendered by
// the pinned kustomize and shown to a real API server, and the manager runs with
// no other permissions than those.
package kustomize

import (
	"context"
	"testing"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// cluster is an API server to which config/default is applied before any test.
func cluster(t *testing.T) *controlplane.ControlPlane {
	t.Helper()
	return env.BareCluster(t, func(ctx context.Context, to *controlplane.ControlPlane) error {
		return install(ctx, to, "default")
	})
}
