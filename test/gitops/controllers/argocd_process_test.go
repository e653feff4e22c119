//go:build gitops

package controllers

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const argoNamespace = "argocd"

func needRedis(t *testing.T) {
	t.Helper()
	env.Need(t, "redis-server", "redis-server")
}

// startArgoCD starts Argo CD's application controller, its repo server and Redis. There is no
// API server of its own, because Applications are resources of the cluster.
func (s *site) startArgoCD() {
	s.t.Helper()
	program := env.Path("bin", "gitops", "argocd")
	argoModule := env.Path("test", "gitops", "argocd")
	goCommand(s.t, argoModule, "build", "-o", program, "./processes")
	s.installArgoCD(filepath.Join(goCommand(s.t, argoModule, "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v3"), "manifests"))

	redis, repoServer := env.FreeAddress(s.t), env.FreeAddress(s.t)
	repoHealth, health := env.FreeAddress(s.t), env.FreeAddress(s.t)
	redisServer, err := exec.LookPath("redis-server")
	if err != nil {
		s.t.Fatal(err)
	}
	s.start(redis, redisServer, "--bind", "127.0.0.1", "--port", port(redis), "--save", "", "--appendonly", "no")
	s.start("http://"+repoHealth+"/healthz", program, "repo-server",
		"--redis", redis, "--disable-tls", "--address", "127.0.0.1", "--port", port(repoServer),
		"--metrics-address", "127.0.0.1", "--metrics-port", port(repoHealth))
	s.start("http://"+health+"/healthz", program, "application-controller",
		"--namespace", argoNamespace, "--redis", redis, "--repo-server", repoServer, "--repo-server-plaintext",
		"--metrics-port", port(health), "--persist-resource-health", "--app-resync-jitter", "0")
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// argoSettings are what an installation makes besides the release's definitions and ConfigMaps.
var argoSettings = []string{
	"apiVersion: v1\nkind: Namespace\nmetadata: {name: argocd}\n",
	"apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: default}\nspec: {sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}], clusterResourceWhitelist: [{group: '*', kind: '*'}]}\n",
	"apiVersion: v1\nkind: Secret\nmetadata: {name: argocd-secret, labels: {app.kubernetes.io/part-of: argocd}}\nstringData: {server.secretkey: test}\n",
}

// installArgoCD installs the definitions and the configuration in the release's folder of manifests,
// and config/argocd.
func (s *site) installArgoCD(folder string) {
	s.t.Helper()
	definitions := envtest.CRDInstallOptions{Paths: []string{filepath.Join(folder, "crds")}, ErrorIfPathMissing: true, MaxTime: patience}
	if _, err := envtest.InstallCRDs(s.cluster.Config(), definitions); err != nil {
		s.t.Fatal(err)
	}
	texts := slices.Clone(argoSettings)
	files, _ := filepath.Glob(filepath.Join(folder, "base", "config", "*-cm.yaml"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	var settings manifests.Manifest
	for _, text := range texts {
		u := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict([]byte(text), &u.Object); err != nil {
			s.t.Fatal(err)
		}
		settings = append(settings, u)
	}
	// The ConfigMaps of both add to one another, so each has a manager of its own.
	for i, u := range append(settings, manifests.Rendered(s.t, "argocd")...) {
		if err := manifests.Apply(s.t.Context(), s.kube, u, argoNamespace, client.FieldOwner(fmt.Sprintf("installer-%d", i))); err != nil {
			s.t.Fatal(err)
		}
	}
}
