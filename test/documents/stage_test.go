package documents

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	systemNamespace = "billing-operator-system"
	key             = "key-of-the-reader"

	// patience is how long anything may take on a machine that runs other tests as well.
	patience = 2 * time.Minute
)

// stage is a reader's machine and cluster. It is shared by all subtests.
type stage struct {
	*shared
	t *testing.T
}

type shared struct {
	onEnd    func(func()) // as t.Cleanup of the whole test
	dir      string       // what the reader has cloned
	home     string
	plane    *controlplane.ControlPlane
	cluster  kubernetes.Interface
	endpoint *httptest.Server

	output     string // of the last command, both streams
	operator   *exec.Cmd
	log        string // the operator's, a file
	caFile     string // of --endpoint-ca-file
	deployment types.UID
}

func newStage(t *testing.T) *stage {
	log.SetLogger(logr.Discard())
	s := &stage{&shared{onEnd: t.Cleanup, dir: t.TempDir(), home: t.TempDir()}, t}
	s.buildTools()
	s.clone()
	var err error
	if s.plane, err = controlplane.Start(t.Context(), controlplane.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.plane.Stop() })
	if s.cluster, err = kubernetes.NewForConfig(s.plane.Config()); err != nil {
		t.Fatal(err)
	}
	s.endpoint = httptest.NewServer(standin.New(standin.WithKeys(key)))
	t.Cleanup(s.endpoint.Close)
	s.must(os.Mkdir(filepath.Join(s.home, ".kube"), 0o700))
	kubeconfig, err := os.ReadFile(s.plane.KubeconfigPath())
	s.must(errors.Join(err, os.WriteFile(filepath.Join(s.home, ".kube", "config"), kubeconfig, 0o600)))
	s.shell("kubectl config set-context --current --namespace=finance")
	t.Cleanup(func() { s.stopOperator() })
	go collectNamespaces(t.Context(), s.cluster)
	return s
}

func (s *stage) on(t *testing.T) *stage { return &stage{s.shared, t} }

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// buildTools puts on the PATH what a reader has: kubectl with the plugin, Helm, a clipboard and a
// browser.
func (s *stage) buildTools() {
	s.t.Helper()
	bin := filepath.Join(s.home, "bin")
	s.must(os.Mkdir(bin, 0o700))
	for _, build := range [][]string{
		{"make", "--no-print-directory", "bin/tools/helm", "bin/tools/kustomize"},
		{"go", "build", "-o", bin + "/", "./cmd/manager", "./cmd/kubectl-billing"},
	} {
		cmd := exec.Command(build[0], build[1:]...)
		cmd.Dir = root
		if output, err := cmd.CombinedOutput(); err != nil {
			s.t.Fatalf("%q: %v\n%s", build, err, output)
		}
	}
	for _, tool := range []string{"helm", "kubectl"} {
		s.must(os.Symlink(env.Tool(s.t, tool), filepath.Join(bin, tool)))
	}
	s.must(process.WriteProgram(filepath.Join(bin, "xclip"), []byte("#!/bin/sh\ncat >\"$HOME/clipboard\"\n")))
	for _, browser := range []string{"xdg-open", "open"} { // on Linux, on macOS
		s.must(process.WriteProgram(filepath.Join(bin, browser), []byte("#!/bin/sh\n")))
	}
}

// clone makes what a reader has cloned. Commands may change config, so it is a copy.
func (s *stage) clone() {
	s.t.Helper()
	origin, err := filepath.Abs(root)
	s.must(err)
	entries, err := os.ReadDir(origin)
	s.must(err)
	for _, entry := range entries {
		switch name := entry.Name(); name {
		case "config":
			s.must(os.CopyFS(filepath.Join(s.dir, name), os.DirFS(filepath.Join(origin, name))))
		case ".git", "dist":
		default:
			s.must(os.Symlink(filepath.Join(origin, name), filepath.Join(s.dir, name)))
		}
	}
}

// shell runs what a reader types in the root of the repository.
func (s *stage) shell(text string) {
	s.t.Helper()
	output, err := s.bash(text)
	if s.output = string(output); err != nil {
		definition, _ := s.bash("kubectl get crd billingsessions.billing.xtracta.com -o yaml | sed '/^spec:/,/^status:/d'")
		s.t.Fatalf("%s: %v\n%s\nThe CustomResourceDefinition, whose deletion may not have ended:\n%s", text, err, output, definition)
	}
}

func (s *stage) bash(text string) (output []byte, err error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.home, "KUBECONFIG=", "PATH="+filepath.Join(s.home, "bin")+":"+os.Getenv("PATH"))
	return cmd.CombinedOutput()
}

// deleteDefinition deletes the CustomResourceDefinition, but not while its storage is being set up:
// then the API server cannot list the objects to delete, and tries again ever more rarely.
func (s *stage) deleteDefinition() {
	s.t.Helper()
	s.eventually(func() error {
		if output, err := s.bash("kubectl get billingsessions --all-namespaces"); err != nil {
			return fmt.Errorf("list sessions: %w\n%s", err, output)
		}
		return nil
	})
	s.shell("kubectl delete crd billingsessions.billing.xtracta.com")
}

// eventually waits until there is no problem any more.
func (s *stage) eventually(problem func() error) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for err := problem(); err != nil; err = problem() {
		if time.Now().After(deadline) {
			s.t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the pace of looking, not a bound
	}
}

// startOperator runs the operator with the rights of its ServiceAccount, as its Deployment would.
func (s *stage) startOperator() {
	s.t.Helper()
	_, kubeconfig, err := s.plane.AddServiceAccount(systemNamespace, "billing-operator")
	s.log, s.caFile = filepath.Join(s.home, "operator.log"), filepath.Join(s.home, "ca.crt")
	path := filepath.Join(s.home, "operator.kubeconfig")
	s.must(errors.Join(err, os.WriteFile(path, kubeconfig, 0o600), os.WriteFile(s.caFile, s.plane.Config().CAData, 0o600)))
	file, err := os.Create(s.log)
	s.must(err)
	defer func() { _ = file.Close() }()
	s.operator = exec.Command(filepath.Join(s.home, "bin", "manager"),
		"--kubeconfig", path, "--endpoint-url", s.endpoint.URL+"/v1/billings/billing_ui", "--endpoint-ca-file", s.caFile,
		"--leader-elect", "--leader-election-namespace", systemNamespace,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
	s.operator.Stderr = file
	s.must(s.operator.Start())
}

func (s *stage) stopOperator() {
	if s.operator != nil {
		_ = s.operator.Process.Kill()
		_ = s.operator.Wait()
		s.operator = nil
	}
}

// collectNamespaces does what a cluster's controllers do when a namespace is deleted.
func collectNamespaces(ctx context.Context, cluster kubernetes.Interface) {
	for ctx.Err() == nil {
		namespaces, err := cluster.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
		if err != nil {
			continue
		}
		for _, namespace := range namespaces.Items {
			if namespace.DeletionTimestamp == nil {
				continue
			}
			_ = cluster.CoreV1().Secrets(namespace.Name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
			_ = cluster.CoreV1().Pods(namespace.Name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
			namespace.Spec.Finalizers = nil
			_, _ = cluster.CoreV1().Namespaces().Finalize(ctx, &namespace, metav1.UpdateOptions{})
		}
		time.Sleep(200 * time.Millisecond) // the pace of looking
	}
}
