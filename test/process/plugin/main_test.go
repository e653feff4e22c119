// Package plugin runs the real kubectl plugin as a process, against a real API
// server with the real manager and the stand-in of the endpoint.
package plugin

import (
	"testing"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestMain(m *testing.M) { env.Main(m) }

// stage is a namespace in which somebody runs the plugin. Each session has its own key.
type stage struct {
	*env.Stage
	kubeconfig string
	// dir is home to the plugin, and first on its PATH.
	dir string
}

func newStage(t *testing.T, options ...standin.Option) *stage {
	t.Helper()
	cluster := env.Cluster(t)
	return &stage{Stage: env.NewStage(t, cluster, options...), kubeconfig: cluster.KubeconfigPath(), dir: t.TempDir()}
}

// on is the stage for a subtest.
func (s *stage) on(t *testing.T) *stage {
	other := *s
	other.Stage = s.On(t)
	return &other
}
