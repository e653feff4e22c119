//go:build gitops

// Package controllers runs Flux's kustomize-controller and Argo CD's application controller, as they
// were released, on the operator: all are processes on a real API server. Only a build with the tag
// gitops has these tests, as the controllers take minutes to compile.
//
// Flux's source-controller is not needed. A GitRepository with an artifact is all that
// kustomize-controller sees of it, so a test writes the artifact and serves it itself.
package controllers

import (
	"flag"
	"testing"

	"github.com/xtracta/billing-operator/test/env"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "64") // the tests wait, mostly for the tools' intervals
	env.Main(m)
}

func TestFlux(t *testing.T) {
	at := newSite(t, append(fluxDefinitions(t), env.CRDs())...)
	at.startOperator()
	at.startFlux()
	at.tell("life", life)
	at.tell("late key", lateKey)
	at.tell("changed secretName", changedSecretName)
	at.tell("changed secretName with force", forcedSecretName)
	at.tell("kubectl billing", plugin)
}

func TestArgoCD(t *testing.T) {
	needRedis(t)
	at := newSite(t, env.CRDs())
	at.startOperator()
	at.startArgoCD()
	at.tell("life", argoLife)
	at.tell("late key", argoLateKey)
	at.tell("key in a later wave", argoKeyInALaterWave)
	at.tell("suspended in an early wave", argoSuspendedInAnEarlyWave)
	for name, spec := range waysToSync {
		at.tell(name, func(s *stage) { argoRenewals(s, spec) })
		at.tell(name+", kubectl billing", func(s *stage) { argoPlugin(s, spec) })
	}
}
