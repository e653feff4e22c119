//go:build gitops

package controllers

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

// site is a cluster with the tools that work on it, and what these and the operator ask.
type site struct {
	t         *testing.T
	cluster   *controlplane.ControlPlane
	kube      client.WithWatch
	endpoint  *standin.Server
	url       string     // of the endpoint
	artifacts *artifacts // that Flux reads
	flux      *env.Process
}

// newSite starts a cluster with the definitions of resources in some folders.
func newSite(t *testing.T, definitions ...string) *site {
	t.Helper()
	s := &site{t: t, cluster: env.NewCluster(t, controlplane.Options{CRDDirs: definitions}), artifacts: serveArtifacts(t)}
	s.kube = env.Client(t, s.cluster.Config())
	s.endpoint, s.url = env.Endpoint(t)
	go s.collectGarbage(t.Context())
	return s
}

// tell runs a story beside others, on a stage of its own.
func (s *site) tell(name string, story func(*stage)) {
	s.t.Run(name, func(t *testing.T) {
		t.Parallel()
		story(newStage(t, s))
	})
}

func (s *site) startOperator() {
	s.t.Helper()
	operator := env.LaunchManager(s.t, nil, "--kubeconfig", s.cluster.KubeconfigPath(),
		"--endpoint-url", s.url+standin.Path, "--endpoint-qps", "0", "--log-format", "text")
	env.Eventually(s.t, "the operator is ready", operator.Ready)
}

func (s *site) startFlux() {
	s.t.Helper()
	program := env.Path("bin", "gitops", "kustomize-controller")
	goCommand(s.t, fluxModule, "build", "-o", program, kustomizeController)
	health := env.FreeAddress(s.t)
	s.flux = s.start("http://"+health+"/readyz", program,
		"--metrics-addr", "0", "--health-addr", health, "--enable-leader-election=false",
		// Each Kustomization that waits holds a worker.
		"--concurrent", "100", "--requeue-dependency", "1s", "--interval-jitter-percentage", "0")
}

// fluxModule is the folder of the module that pins Flux's controller.
const (
	fluxModule          = "binaries"
	kustomizeController = "github.com/fluxcd/kustomize-controller"
	sourceController    = "github.com/fluxcd/source-controller"
)

// fluxDefinitions are the folders with the definitions of Flux's Kustomizations and their sources.
// The last come from source-controller's release, which nothing here compiles.
func fluxDefinitions(t *testing.T) []string {
	t.Helper()
	var folders []string
	for module, versionOf := range map[string]string{kustomizeController: kustomizeController, sourceController: sourceController + "/api"} {
		version := goCommand(t, fluxModule, "list", "-m", "-f", "{{.Version}}", versionOf)
		var downloaded struct{ Dir string }
		if err := json.Unmarshal([]byte(goCommand(t, fluxModule, "mod", "download", "-json", module+"@"+version)), &downloaded); err != nil {
			t.Fatal(err)
		}
		folders = append(folders, filepath.Join(downloaded.Dir, "config", "crd", "bases"))
	}
	return folders
}

// goCommand runs the go command in a module, and returns what it prints.
func goCommand(t *testing.T, module string, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", args...)
	command.Dir, command.Env, command.Stderr = module, append(os.Environ(), "GOWORK=off"), os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go %v: %v", args, err)
	}
	return strings.TrimSpace(string(output))
}

// start runs a tool as if in the cluster, and waits until its health can be read.
func (s *site) start(health, program string, args ...string) *env.Process {
	s.t.Helper()
	dir := s.t.TempDir()
	script, err := process.DieWithParent(dir, program, os.Getpid())
	if err != nil {
		s.t.Fatal(err)
	}
	command := exec.Command(script, args...)
	command.Env = append(os.Environ(),
		"KUBECONFIG="+s.cluster.KubeconfigPath(), "TMPDIR="+dir,
		"PATH="+env.Path("bin", "tools")+string(filepath.ListSeparator)+os.Getenv("PATH"), // Argo CD runs helm and kustomize
		"ARGOCD_FAKE_IN_CLUSTER=true", "ARGOCD_GPG_ENABLED=false", "ARGOCD_PLUGINSOCKFILEPATH="+dir,
		"ARGOCD_TLS_DATA_PATH="+dir, "ARGOCD_SSH_DATA_PATH="+dir, "REDIS_PASSWORD=",
	)
	running := env.Start(s.t, command)
	env.Eventually(s.t, fmt.Sprintf("%s answers at %s", filepath.Base(program), health), func() string {
		running.MustRun()
		return env.Unless(answers(health), "not yet")
	})
	return running
}

// answers reports whether something listens at an address, or says that it is well at a URL.
func answers(health string) bool {
	if !strings.HasPrefix(health, "http") {
		connection, err := net.Dial("tcp", health)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}
	answer, err := http.Get(health)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}
