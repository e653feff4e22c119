// Package controlplane runs an API server and its etcd on this machine, for tests and
// for the demo. It needs no container and no cluster and, beside Go modules, no internet
// access. There are no controllers: nothing collects garbage, and no namespace ever
// finishes terminating.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/xtracta/billing-operator/hack/controlplane/fetch"
	"github.com/xtracta/billing-operator/hack/process"
)

// KubernetesVersion is the minor version of the API server.
const KubernetesVersion = fetch.KubernetesVersion

// startTimeout is how long etcd, and then the API server, may take to start. It is
// generous, as machines that run tests are often busy.
const startTimeout = time.Minute

// Options configure a control plane. The zero value is a plain API server with RBAC.
type Options struct {
	// CRDDirs are folders with CustomResourceDefinitions. They are installed and
	// established before Start returns.
	CRDDirs []string

	// AuditLog is a file to which the API server appends one line of JSON for each
	// request, shortly after its answer. When empty, nothing is logged.
	AuditLog string

	// AuditPolicy is the file of the audit policy. When empty, each request is
	// logged once, at its end and without bodies.
	AuditPolicy string

	// ExtraArgs are additional flags of kube-apiserver, by name without dashes.
	// They replace envtest's defaults of the same name.
	ExtraArgs map[string][]string

	// Out gets the progress of downloading or building the programs. When nil, it
	// is os.Stderr.
	Out io.Writer
}

// ControlPlane is a running API server with its etcd. Both end with the process that
// started them, even when that is killed.
type ControlPlane struct {
	env *envtest.Environment
	dir string
	// addingUser guards envtest's certificate authority, which counts serial numbers.
	addingUser sync.Mutex
}

// Start gets the programs (see fetch.Assets) and starts them on free ports of the
// loopback address. The end of ctx cancels that, but does not end a control plane that
// has started: call Stop.
func Start(ctx context.Context, options Options) (_ *ControlPlane, err error) {
	if options.Out == nil {
		options.Out = os.Stderr
	}
	assets, err := fetch.Assets(ctx, options.Out)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "controlplane-")
	if err != nil {
		return nil, err
	}
	cp := &ControlPlane{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, cp.Stop())
		}
	}()
	if cp.env, err = newEnvironment(dir, assets, options); err != nil {
		return nil, err
	}
	if _, err := cp.env.Start(); err != nil {
		return nil, errors.Join(err, cp.logTail())
	}
	if err := cp.installCRDs(options.CRDDirs); err != nil {
		return nil, err
	}
	return cp, os.WriteFile(cp.KubeconfigPath(), cp.env.KubeConfig, 0o600)
}

func (cp *ControlPlane) installCRDs(dirs []string) error {
	if len(dirs) == 0 {
		return nil
	}
	_, err := envtest.InstallCRDs(cp.Config(), envtest.CRDInstallOptions{Paths: dirs, ErrorIfPathMissing: true})
	return err
}

func newEnvironment(dir, assets string, options Options) (*envtest.Environment, error) {
	var (
		noCluster = false
		etcd      = &envtest.Etcd{DataDir: filepath.Join(dir, "data")}
		apiServer = &envtest.APIServer{CertDir: filepath.Join(dir, "certificates")}
		err       error
	)
	for _, d := range []string{etcd.DataDir, apiServer.CertDir} {
		if err := os.Mkdir(d, 0o700); err != nil {
			return nil, err
		}
	}
	// envtest gives its children a process group of their own, so that neither Ctrl-C
	// nor the end of a test binary that times out reaches them.
	if etcd.Path, err = process.DieWithParent(dir, filepath.Join(assets, "etcd"), os.Getpid()); err != nil {
		return nil, err
	}
	if apiServer.Path, err = process.DieWithParent(dir, filepath.Join(assets, "kube-apiserver"), os.Getpid()); err != nil {
		return nil, err
	}
	if apiServer.Err, err = os.Create(logPath(dir)); err != nil {
		return nil, err
	}
	if err := configure(apiServer.Configure(), dir, options); err != nil {
		return nil, err
	}
	env := &envtest.Environment{
		UseExistingCluster:       &noCluster,
		ControlPlaneStartTimeout: startTimeout,
	}
	env.ControlPlane.Etcd, env.ControlPlane.APIServer = etcd, apiServer
	return env, nil
}

const defaultAuditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

func configure(flags *envtest.Arguments, dir string, options Options) error {
	if options.AuditLog != "" {
		policy := options.AuditPolicy
		if policy == "" {
			policy = filepath.Join(dir, "audit-policy.yaml")
			if err := os.WriteFile(policy, []byte(defaultAuditPolicy), 0o600); err != nil {
				return err
			}
		}
		flags.Set("audit-policy-file", policy)
		flags.Set("audit-log-path", options.AuditLog)
		// By default a new file begins after 100 MB, and whoever reads along waits for ever at the
		// end of the old one.
		flags.Set("audit-log-maxsize", strconv.Itoa(1<<20)) // MB
	}
	for name, values := range options.ExtraArgs {
		flags.Set(name, values...)
	}
	return nil
}

// Config is an administrator's client configuration (group system:masters). It has no
// client-side rate limit, which would distort what tests measure.
func (cp *ControlPlane) Config() *rest.Config { return rest.CopyConfig(cp.env.Config) }

// Kubeconfig is Config as the content of a kubeconfig file.
func (cp *ControlPlane) Kubeconfig() []byte { return cp.env.KubeConfig }

// KubeconfigPath is a file with the content of Kubeconfig. Stop removes it.
func (cp *ControlPlane) KubeconfigPath() string { return filepath.Join(cp.dir, "kubeconfig") }

// AddUser creates a user with a client certificate, who may do what RBAC allows them or
// their groups. It returns the user's client configuration, also as a kubeconfig file.
func (cp *ControlPlane) AddUser(name string, groups ...string) (config *rest.Config, kubeconfig []byte, err error) {
	cp.addingUser.Lock()
	defer cp.addingUser.Unlock()
	user, err := cp.env.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("add user %s: %w", name, err)
	}
	kubeconfig, err = user.KubeConfig()
	return user.Config(), kubeconfig, err
}

// AddServiceAccount creates a user whom RBAC treats as a pod of that ServiceAccount. The
// ServiceAccount need not exist.
func (cp *ControlPlane) AddServiceAccount(namespace, name string) (config *rest.Config, kubeconfig []byte, err error) {
	return cp.AddUser("system:serviceaccount:"+namespace+":"+name,
		"system:serviceaccounts", "system:serviceaccounts:"+namespace)
}

// StopAPIServer stops the API server and leaves etcd running. Watches break and
// requests are refused until StartAPIServer.
func (cp *ControlPlane) StopAPIServer() error { return cp.env.ControlPlane.APIServer.Stop() }

// StartAPIServer starts a stopped API server again, with the same port, data,
// certificates and users.
func (cp *ControlPlane) StartAPIServer() error {
	if err := cp.env.ControlPlane.APIServer.Start(); err != nil {
		return errors.Join(err, cp.logTail())
	}
	return nil
}

// Stop stops both programs and removes their data.
func (cp *ControlPlane) Stop() error {
	var err error
	if cp.env != nil {
		err = cp.env.Stop()
	}
	return errors.Join(err, os.RemoveAll(cp.dir))
}

func logPath(dir string) string { return filepath.Join(dir, "kube-apiserver.log") }

// logTail returns the end of the API server's log as an error: envtest says only that
// the program did not start. There is no log when etcd did not start.
func (cp *ControlPlane) logTail() error {
	tail := process.LogTail(logPath(cp.dir), 10)
	if len(tail) == 0 {
		return nil
	}
	return fmt.Errorf("the end of kube-apiserver's log:\n%s", strings.Join(tail, "\n"))
}
