// Package manager runs the real manager as a process: starts, stops, kills.
package manager

import (
	"testing"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestMain(m *testing.M) { env.Main(m) }

// stage is a namespace whose sessions share a key unless told otherwise.
type stage struct{ *env.Stage }

func newStage(t *testing.T, options ...standin.Option) *stage {
	t.Helper()
	return newStageOn(t, env.Cluster(t), options...)
}

// newStageOn is a stage in a cluster of which the test may do as it likes.
func newStageOn(t *testing.T, cluster *controlplane.ControlPlane, options ...standin.Option) *stage {
	t.Helper()
	s := &stage{env.NewStage(t, cluster, options...)}
	s.GiveKey("key", s.Key)
	return s
}

// settle waits until the manager has looked at everything that was there: what
// is created last is served last.
func (s *stage) settle(canary string) {
	s.T.Helper()
	s.Session(canary)
	s.Ready(canary)
}
