package documents

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	systemNamespace = "billing-operator-system"
	key             = "key-of-the-reader"
	version         = "v0.0.0-mine" // which the reader has chosen
	image           = "registry.example.com/billing-operator:" + version
)

func TestMain(m *testing.M) { env.Main(m) }

// stage is a reader's machine and cluster. It is shared by all subtests.
type stage struct {
	*shared
	t *testing.T
}

type shared struct {
	whole    *testing.T // which outlives its subtests
	dir      string     // what the reader has cloned
	home     string
	plane    *controlplane.ControlPlane
	cluster  kubernetes.Interface
	endpoint string // its URL

	output     string // of the last command, both streams
	operator   *env.Manager
	caFile     string // of --endpoint-ca-file
	deployment types.UID
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{&shared{whole: t, dir: t.TempDir(), home: t.TempDir()}, t}
	s.installTools()
	s.clone()
	s.plane = env.NewCluster(t, controlplane.Options{})
	var err error
	s.cluster, err = kubernetes.NewForConfig(s.plane.Config())
	s.must(errors.Join(err, os.Mkdir(filepath.Join(s.home, ".kube"), 0o700),
		os.WriteFile(filepath.Join(s.home, ".kube", "config"), s.plane.Kubeconfig(), 0o600)))
	_, s.endpoint = env.Endpoint(t, standin.WithKeys(key))
	s.shell("kubectl config set-context --current --namespace=finance")
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

// installTools puts on the PATH what a reader has: kubectl with the plugin, Helm, a clipboard and a
// browser.
func (s *stage) installTools() {
	s.t.Helper()
	bin := filepath.Join(s.home, "bin")
	s.must(os.Mkdir(bin, 0o700))
	for name, path := range map[string]string{
		"kubectl":         env.Tool(s.t, "kubectl"),
		"helm":            env.Tool(s.t, "helm"),
		"kubectl-billing": env.Program(s.t, "kubectl-billing"),
	} {
		s.must(os.Symlink(path, filepath.Join(bin, name)))
	}
	s.must(process.WriteProgram(filepath.Join(bin, "xclip"), []byte("#!/bin/sh\ncat >\"$HOME/clipboard\"\n")))
	for _, browser := range []string{"xdg-open", "open"} { // on Linux, on macOS
		s.must(process.WriteProgram(filepath.Join(bin, browser), []byte("#!/bin/sh\n")))
	}
}

// clone makes what a reader has cloned. Commands may change config, so it is a copy.
func (s *stage) clone() {
	s.t.Helper()
	entries, err := os.ReadDir(env.Path())
	s.must(err)
	for _, entry := range entries {
		origin, clone := env.Path(entry.Name()), filepath.Join(s.dir, entry.Name())
		switch entry.Name() {
		case "config":
			s.must(os.CopyFS(clone, os.DirFS(origin)))
		case ".git", "dist":
		default:
			s.must(os.Symlink(origin, clone))
		}
	}
}

// patience is how long a command may take. None takes more than seconds on a machine that has
// nothing else to do.
const patience = 10 * time.Minute

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
	cmd.Env = append(os.Environ(), "HOME="+s.home, "KUBECONFIG=", "VERSION="+version, "PATH="+filepath.Join(s.home, "bin")+":"+os.Getenv("PATH"))
	return cmd.CombinedOutput()
}

// deleteDefinition deletes the CustomResourceDefinition, but not while its storage is being set up:
// then the API server cannot list the objects to delete, and tries again ever more rarely.
func (s *stage) deleteDefinition() {
	s.t.Helper()
	env.Eventually(s.t, "sessions can be listed", func() string {
		output, err := s.bash("kubectl get billingsessions --all-namespaces")
		return env.Unless(err == nil, string(output))
	})
	s.shell("kubectl delete crd billingsessions.billing.xtracta.com")
}

// startOperator runs the operator with the rights of its ServiceAccount, as its Deployment would.
func (s *stage) startOperator() {
	s.t.Helper()
	_, kubeconfig, err := s.plane.AddServiceAccount(systemNamespace, "billing-operator")
	s.caFile = filepath.Join(s.home, "ca.crt")
	s.must(errors.Join(err, os.WriteFile(s.caFile, s.plane.Config().CAData, 0o600)))
	s.operator = env.LaunchManager(s.whole, nil,
		"--kubeconfig", env.Kubeconfig(s.whole, kubeconfig), "--endpoint-url", s.endpoint+standin.Path, "--endpoint-ca-file", s.caFile,
		"--leader-elect", "--leader-election-namespace", systemNamespace)
}

func (s *stage) stopOperator() { s.operator.Kill() }

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
