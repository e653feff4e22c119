//go:build e2e

// Package e2e proves the whole chain in a real cluster, from applied YAML to the file
// inside a running pod. Only a build with the tag e2e has its test. Any cluster will do:
// KUBECONFIG says where it is, and
//
//	E2E_LOAD_IMAGE          is a command that brings an image archive, its last argument,
//	                        to the cluster's nodes
//	E2E_RESTART_API_SERVER  is one that kills the cluster's API server and has it start
//	                        again; where there is none, that is skipped
//
// Commands run in the project's root.
package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/image"
	"github.com/xtracta/billing-operator/test/env"
)

var (
	renewals  = flag.Int("e2e.renewals", 1, "how many renewals each mounted file is watched for")
	consumers = flag.Int("e2e.consumers", 12, "how many pods mount a Secret of their own")
)

func TestMain(m *testing.M) { env.Main(m) }

// What happens around pods that mount a Secret, with the operator installed by Helm.
// All the while they read the file.
func TestMountedFileNeverExpires(t *testing.T) {
	on := connect(t)
	on.provide(t, operatorImage, image.Servers...)
	on.provide(t, propsImage, "./hack/standin", "./test/e2e/reader")
	endpoint := newEndpoint(t, on, "e2e-endpoint")
	system := endpoint.install(t)
	s := newStage(t, on, "e2e")
	watched := s.consumers()

	t.Run("meanwhile", func(t *testing.T) {
		for name, story := range map[string]func(*stage){
			"a deleted session takes its Secret along": secretIsCollected,
			"a namespace is deleted whole":             namespaceGoes,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); story(s.in(t)) })
		}
	})
	t.Run("the pod that works is killed", func(t *testing.T) {
		system.in(t).killLeader()
		endpoint.worksFor(s.in(t), "after-the-kill")
	})
	t.Run("the Deployment is rolled", func(t *testing.T) {
		system.in(t).restart(operatorName)
		endpoint.worksFor(s.in(t), "after-the-roll")
	})
	var away outage
	t.Run("the API server is killed and starts again", func(t *testing.T) {
		away = s.in(t).restartAPIServer()
		endpoint.worksFor(s.in(t), "after-the-restart")
	})
	s.watch(watched)
	endpoint.nothingWasted(watched, away)
	system.mustNotLeak(operatorName)

	helm(t, "", "uninstall")
	s.Must(on.Get(t.Context(), client.ObjectKeyFromObject(definition()), definition()))
	if s.URLIn(watched[0].session) == "" {
		t.Error("uninstalling took the URLs along that pods use")
	}
}

const (
	systemNamespace = "billing-operator-system"
	operatorName    = "billing-operator" // of the Deployment and of the Helm release
)

// install installs the chart as platform teams do, into a namespace that lets in
// only what is harmless.
func (e *endpoint) install(t *testing.T) (system *stage) {
	t.Helper()
	system = newStage(t, e.cluster, systemNamespace)
	system.Create(&corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "endpoint-ca"}, Data: map[string]string{"ca.crt": string(e.ca)},
	})
	t.Cleanup(func() { // what is there still where the test ended early, and the definition, which outlives the release
		_ = exec.Command(helmProgram(), "uninstall", operatorName, "--namespace", systemNamespace, "--ignore-not-found", "--wait").Run()
		_ = e.cluster.Delete(context.Background(), definition())
	})
	helm(t, fmt.Sprintf(`
image: {repository: %s, tag: today}
endpoint: {url: %q, ca: {configMap: endpoint-ca}}
allowedURLHosts: [%q]
`, operatorRepository, e.url, allowedHost), "install", env.Path("config", "chart"), "--values", "-")
	return system
}

func secretIsCollected(s *stage) {
	s.issued("deleted")
	s.Delete(s.Get("deleted"))
	s.gone(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: "deleted"}})
}

func namespaceGoes(s *stage) {
	other := newStage(s.T, s.cluster, "e2e-deleted")
	other.issued("acme")
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other.Namespace}}
	s.Delete(namespace)
	s.gone(namespace)
}

// killLeader deletes the pod that holds the lease, without giving it time to end. That
// could cost a request that is under way, so none is.
func (s *stage) killLeader() {
	s.T.Helper()
	s.quiet(5 * time.Second)
	killed, err := s.leader()
	s.Must(err)
	s.Delete(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: killed}}, client.GracePeriodSeconds(0))
	s.eventually("the other replica takes over", func() error {
		now, err := s.leader()
		if err == nil && now == killed {
			err = errors.New("the lease is held by the pod that was killed")
		}
		return err
	})
}

// leader is the pod that holds the lease.
func (s *stage) leader() (pod string, err error) {
	var lease coordinationv1.Lease
	if err := s.cluster.Get(s.T.Context(), s.At(operatorName), &lease); err != nil {
		return "", err
	}
	if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
		return "", errors.New("nobody holds the lease")
	}
	pod, _, _ = strings.Cut(*lease.Spec.HolderIdentity, "_")
	return pod, nil
}

// outage is a time without an API server.
type outage struct{ from, to time.Time }

func (o outage) has(moment time.Time) bool { return !moment.Before(o.from) && !moment.After(o.to) }

// restartAPIServer kills the API server when no renewal will be due for a while: a replica
// that cannot renew its lease ends, and takes along what it was granted meanwhile.
func (s *stage) restartAPIServer() (away outage) {
	s.T.Helper()
	if os.Getenv("E2E_RESTART_API_SERVER") == "" {
		s.T.Skip("E2E_RESTART_API_SERVER is not set, so the API server is left alone")
	}
	s.quiet(20 * time.Second)
	away.from = time.Now()
	order(s.T, "E2E_RESTART_API_SERVER")
	s.eventually("the API server is ready", func() error {
		return s.cluster.core.Get().AbsPath("/readyz").Do(s.T.Context()).Error()
	})
	away.to = time.Now()
	return away
}
