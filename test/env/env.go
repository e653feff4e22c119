// Package env is what tests are made in: an API server, namespaces, a stand-in of the
// endpoint, and the project's commands as processes. Each test binary starts and builds
// what its tests ask for, once, and nothing else; so one test by its name is as quick as
// it can be.
package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	"github.com/gofrs/flock"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
)

// shared is what the tests of one binary share. Each part is made when it is asked for.
var shared struct {
	mu      sync.Mutex
	dir     string
	cluster *controlplane.ControlPlane
	client  client.WithWatch
	built   []string // programs by their names
}

// Main runs the tests of a package, and ends what they shared. A package whose tests call
// Cluster calls it from TestMain.
func Main(m *testing.M) {
	log.SetLogger(logr.Discard())
	klog.SetLogger(logr.Discard())
	code := m.Run()
	if shared.cluster != nil {
		_ = shared.cluster.Stop()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// sharedDir is a folder that Main removes. The caller holds the lock.
func sharedDir(t testing.TB) string {
	t.Helper()
	if shared.dir == "" {
		dir, err := os.MkdirTemp("", "env-")
		if err != nil {
			t.Fatal(err)
		}
		shared.dir = dir
	}
	return shared.dir
}

// Path is a path in the repository, given from its root.
func Path(elements ...string) string {
	return filepath.Join(append([]string{root()}, elements...)...)
}

// root is found by the go.mod file of the repository; modules below it have their own.
var root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		text, readErr := os.ReadFile(filepath.Join(dir, "go.mod"))
		if readErr == nil && strings.HasPrefix(string(text), "module github.com/xtracta/billing-operator\n") {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = readErr
		}
	}
	panic(fmt.Sprintf("these tests need the repository around them: %v", err))
})

// CRDs is the folder with the CustomResourceDefinition.
func CRDs() string { return Path("config", "crd", "bases") }

// Cluster is the API server of this test binary, with the CustomResourceDefinition and
// AuditLog. Tests keep apart by namespaces of their own.
func Cluster(t testing.TB) *controlplane.ControlPlane {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil {
		shared.cluster = start(context.Background(), t, controlplane.Options{
			CRDDirs: []string{CRDs()}, AuditLog: filepath.Join(sharedDir(t), auditLog),
		})
	}
	return shared.cluster
}

// BareCluster is Cluster with more flags of kube-apiserver, and with nothing in it but what
// prepare puts there.
func BareCluster(t testing.TB, flags map[string][]string, prepare func(context.Context, *controlplane.ControlPlane) error) *controlplane.ControlPlane {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.cluster == nil {
		cluster := start(context.Background(), t, controlplane.Options{AuditLog: filepath.Join(sharedDir(t), auditLog), ExtraArgs: flags})
		if err := prepare(context.Background(), cluster); err != nil {
			_ = cluster.Stop()
			t.Fatal(err)
		}
		shared.cluster = cluster
	}
	return shared.cluster
}

const auditLog = "audit.jsonl"

// AuditLog is what was asked of Cluster; package auditlog reads it.
func AuditLog(t testing.TB) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	return filepath.Join(sharedDir(t), auditLog)
}

// NewCluster is an API server for one test, which may do with it as it likes.
func NewCluster(t testing.TB, options controlplane.Options) *controlplane.ControlPlane {
	t.Helper()
	cluster := start(t.Context(), t, options)
	t.Cleanup(func() { _ = cluster.Stop() })
	return cluster
}

func start(ctx context.Context, t testing.TB, options controlplane.Options) *controlplane.ControlPlane {
	t.Helper()
	cluster, err := controlplane.Start(ctx, options)
	if err != nil {
		t.Fatalf("no API server: %v", err)
	}
	return cluster
}

// Scheme has the built-in types, CustomResourceDefinitions and ours.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, v1alpha1.AddToScheme} {
		_ = add(scheme) // adding known types cannot fail
	}
	return scheme
}

// Client is a client for Scheme.
func Client(t testing.TB, config *rest.Config) client.WithWatch {
	t.Helper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Kube is an administrator's client for Cluster.
func Kube(t testing.TB) client.WithWatch {
	t.Helper()
	cluster := Cluster(t)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.client == nil {
		shared.client = Client(t, cluster.Config())
	}
	return shared.client
}

// Kubeconfig writes a kubeconfig to a file and returns its path.
func Kubeconfig(t testing.TB, content []byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Program is the path of a command of cmd/, as the sources are today. All test binaries share
// it, so that only the first one has to link it.
func Program(t testing.TB, name string) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	path, command := Path("bin", "test", name), "./cmd/"+name
	if !slices.Contains(shared.built, name) {
		watchSources(t, command)
		if err := Build(root(), path, command); err != nil {
			t.Fatalf("build %s: %v", name, err)
		}
		shared.built = append(shared.built, name)
	}
	return path
}

// Tool is the path of a program in bin/tools.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path := Path("bin", "tools", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run make bin/tools/%s", err, name)
	}
	return path
}

// Build builds a command of the module in dir, unless that is there already. Other test binaries
// may be about to do the same.
func Build(dir, path, command string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	// Without the tables of debuggers it is linked in half the time. The state of the work tree
	// would make each commit another program.
	build := exec.Command("go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", path, command)
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// watchSources reads the folders of what a command is built from. The go command sees what
// a test reads, but not what it builds; without this it would take the results that tests
// had with an older program for today's.
func watchSources(t testing.TB, command string) {
	t.Helper()
	list := exec.Command("go", "list", "-deps", "-f", "{{if and .Module .Module.Main}}{{.Dir}}{{end}}", command)
	list.Dir = root()
	folders, err := list.Output()
	for _, folder := range strings.Fields(string(folders)) {
		_, unread := os.ReadDir(folder)
		err = errors.Join(err, unread)
	}
	if err != nil {
		t.Fatal(err)
	}
}
