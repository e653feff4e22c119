package controllers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

// argo is a running Argo CD: its application controller, its repo server and Redis. There is no
// API server of its own, because Applications are resources of the cluster.
type argo struct {
	controller, repoServer, redis *controller
}

const argoNamespace = "argocd"

// needArgoCD starts Argo CD for the first test, and skips the test where Redis is not installed.
func needArgoCD(t *testing.T) *argo {
	t.Helper()
	needRedis(t)
	running, err := shared.argoCD()
	if err != nil {
		t.Fatal(err)
	}
	return running
}

func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("Argo CD needs Redis, and redis-server is not installed")
	}
}

func (s *site) startArgoCD(ctx context.Context) (*argo, error) {
	program, manifests, err := builtArgoCD(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.installArgoCD(ctx, manifests); err != nil {
		return nil, err
	}
	var addresses [4]string
	for i := range addresses {
		if addresses[i], err = freeAddress(); err != nil {
			return nil, err
		}
	}
	redis, repoServer, repoHealth, health := addresses[0], addresses[1], addresses[2], addresses[3]
	running := &argo{}
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, err
	}
	running.redis, err = s.start(ctx, redis, path, "--bind", "127.0.0.1", "--port", port(redis), "--save", "", "--appendonly", "no")
	if err != nil {
		return nil, err
	}
	running.repoServer, err = s.start(ctx, "http://"+repoHealth+"/healthz", program+"-repo-server",
		"--redis", redis, "--disable-tls", "--address", "127.0.0.1", "--port", port(repoServer),
		"--metrics-address", "127.0.0.1", "--metrics-port", port(repoHealth))
	if err != nil {
		return nil, err
	}
	running.controller, err = s.start(ctx, "http://"+health+"/healthz", program+"-application-controller",
		"--namespace", argoNamespace, "--redis", redis, "--repo-server", repoServer, "--repo-server-plaintext",
		"--metrics-port", port(health), "--persist-resource-health", "--app-resync-jitter", "0")
	return running, err
}

func port(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

var argoCDBuild struct {
	sync.Once
	program, manifests string
	err                error
}

// builtArgoCD is buildArgoCD, once for all clusters.
func builtArgoCD(ctx context.Context) (program, manifests string, err error) {
	b := &argoCDBuild
	b.Do(func() { b.program, b.manifests, b.err = buildArgoCD(ctx) })
	return b.program, b.manifests, b.err
}

// buildArgoCD compiles Argo CD's programs. It returns the path of them up to "-application-controller",
// and the folder of the release's manifests.
func buildArgoCD(ctx context.Context) (program, manifests string, err error) {
	module := gobuild.Command{Dir: filepath.Join("..", "argocd"), Env: []string{"GOWORK=off"}, Progress: os.Stderr}
	program, err = filepath.Abs(inBin("argocd"))
	if err != nil {
		return "", "", err
	}
	controller, repoServer := program+"-application-controller", program+"-repo-server"
	if _, err := module.Output(ctx, "build", "-v", "-ldflags", "-s -w", "-o", controller, "./processes"); err != nil {
		return "", "", err
	}
	if err := os.Remove(repoServer); err != nil && !os.IsNotExist(err) {
		return "", "", err
	}
	if err := os.Symlink(controller, repoServer); err != nil {
		return "", "", err
	}
	folder, err := module.Output(ctx, "list", "-m", "-f", "{{.Dir}}", "github.com/argoproj/argo-cd/v3")
	return program, filepath.Join(strings.TrimSpace(folder), "manifests"), err
}

// installArgoCD installs the release's definitions and configuration, and config/argocd.
func (s *site) installArgoCD(ctx context.Context, manifests string) error {
	definitions := envtest.CRDInstallOptions{Paths: []string{filepath.Join(manifests, "crds")}, ErrorIfPathMissing: true, MaxTime: patience}
	if _, err := envtest.InstallCRDs(s.cluster.Config(), definitions); err != nil {
		return err
	}
	settings := []string{
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: argocd}\n",
		"apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: default}\nspec: {sourceRepos: ['*'], destinations: [{server: '*', namespace: '*'}], clusterResourceWhitelist: [{group: '*', kind: '*'}]}\n",
		"apiVersion: v1\nkind: Secret\nmetadata: {name: argocd-secret, labels: {app.kubernetes.io/part-of: argocd}}\nstringData: {server.secretkey: test}\n",
	}
	files, err := filepath.Glob(filepath.Join(manifests, "base", "config", "*-cm.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		settings = append(settings, string(text))
	}
	ours, err := render(ctx, "argocd")
	if err != nil {
		return err
	}
	for i, text := range append(settings, ours) {
		if err := s.applyIn(ctx, argoNamespace, fmt.Sprintf("installer-%d", i), text); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) applyIn(ctx context.Context, namespace, manager, text string) error {
	u := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict([]byte(text), &u.Object); err != nil {
		return err
	}
	if u.GetKind() != "Namespace" {
		u.SetNamespace(namespace)
	}
	return s.kube.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(manager), client.ForceOwnership)
}

// render runs the pinned kustomize on a folder of config/.
func render(ctx context.Context, folder string) (string, error) {
	path, err := filepath.Abs(filepath.Join(root, "config", folder))
	if err != nil {
		return "", err
	}
	kustomize := exec.CommandContext(ctx, "go", "tool", "kustomize", "build", path)
	kustomize.Dir = filepath.Join(root, "hack", "tools")
	text, err := kustomize.Output()
	return string(text), err
}
