// Package controlplane runs an API server with its etcd on this machine, for
// tests and for the demo. It needs no container, no cluster and, where Go modules
// can be had, no internet. There are no controllers: nothing collects garbage
// and no namespace ever finishes terminating.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startTimeout is how long etcd, and then the API server, may take to come up;
// machines that run tests are often busy.
const startTimeout = time.Minute

// Options say what a control plane starts with. The zero value is a plain API
// server with RBAC.
type Options struct {
	// CRDDirs are folders whose CustomResourceDefinitions are installed and
	// established before Start returns.
	CRDDirs []string

	// AuditLog is a file to which the API server appends an audit event in JSON
	// for each request, one a line, a moment after the answer. None when empty.
	AuditLog string

	// AuditPolicy is the file that holds the audit policy. When empty, each
	// request is logged once, when it is complete, without bodies.
	AuditPolicy string

	// ExtraArgs are further flags of kube-apiserver, by name without dashes.
	// They replace envtest's defaults of the same name.
	ExtraArgs map[string][]string

	// Out hears how the getting of the programs goes; os.Stderr when nil.
	Out io.Writer
}

// ControlPlane is a running API server and its etcd. Both end with the process
// that started them, even if it is killed.
type ControlPlane struct {
	env *envtest.Environment
	dir string
}

// Start gets the programs (see Assets) and starts them on free ports of the
// loopback address. ctx ends the getting, not the control plane: call Stop.
func Start(ctx context.Context, options Options) (_ *ControlPlane, err error) {
	if options.Out == nil {
		options.Out = os.Stderr
	}
	assets, err := Assets(ctx, options.Out)
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
	if cp.env, err = environment(dir, assets, options); err != nil {
		return nil, err
	}
	if _, err := cp.env.Start(); err != nil {
		return nil, errors.Join(err, cp.lastWords())
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

func environment(dir, assets string, options Options) (*envtest.Environment, error) {
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
	if etcd.Path, err = tether(dir, filepath.Join(assets, "etcd"), os.Getpid()); err != nil {
		return nil, err
	}
	if apiServer.Path, err = tether(dir, filepath.Join(assets, "kube-apiserver"), os.Getpid()); err != nil {
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

const everyRequestOnce = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

func configure(flags *envtest.Arguments, dir string, options Options) error {
	if options.AuditLog != "" {
		policy := options.AuditPolicy
		if policy == "" {
			policy = filepath.Join(dir, "audit-policy.yaml")
			if err := os.WriteFile(policy, []byte(everyRequestOnce), 0o600); err != nil {
				return err
			}
		}
		flags.Set("audit-policy-file", policy)
		flags.Set("audit-log-path", options.AuditLog)
	}
	for name, values := range options.ExtraArgs {
		flags.Set(name, values...)
	}
	return nil
}

// Config returns the way to the API server for an administrator (the group
// system:masters), without a client-side rate limit that tests would notice.
func (cp *ControlPlane) Config() *rest.Config { return rest.CopyConfig(cp.env.Config) }

// Kubeconfig returns the same as the text of a kubeconfig file.
func (cp *ControlPlane) Kubeconfig() []byte { return cp.env.KubeConfig }

// KubeconfigPath is a file that holds Kubeconfig until Stop.
func (cp *ControlPlane) KubeconfigPath() string { return filepath.Join(cp.dir, "kubeconfig") }

// AddUser makes a user with a client certificate of its own. It may do only what
// RBAC allows it or its groups. The kubeconfig is the second result.
func (cp *ControlPlane) AddUser(name string, groups ...string) (*rest.Config, []byte, error) {
	user, err := cp.env.AddUser(envtest.User{Name: name, Groups: groups}, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("add user %s: %w", name, err)
	}
	kubeconfig, err := user.KubeConfig()
	return user.Config(), kubeconfig, err
}

// AddServiceAccount makes a user that RBAC cannot tell from a pod of that
// ServiceAccount, which need not exist.
func (cp *ControlPlane) AddServiceAccount(namespace, name string) (*rest.Config, []byte, error) {
	return cp.AddUser("system:serviceaccount:"+namespace+":"+name,
		"system:serviceaccounts", "system:serviceaccounts:"+namespace)
}

// StopAPIServer ends the API server and leaves etcd as it is. Requests are
// refused, and watches break, until StartAPIServer.
func (cp *ControlPlane) StopAPIServer() error { return cp.env.ControlPlane.APIServer.Stop() }

// StartAPIServer brings the API server back on its port, with its data,
// certificates and users.
func (cp *ControlPlane) StartAPIServer() error {
	if err := cp.env.ControlPlane.APIServer.Start(); err != nil {
		return errors.Join(err, cp.lastWords())
	}
	return nil
}

// Stop ends both programs and removes their data.
func (cp *ControlPlane) Stop() error {
	var err error
	if cp.env != nil {
		err = cp.env.Stop()
	}
	return errors.Join(err, os.RemoveAll(cp.dir))
}

func logPath(dir string) string { return filepath.Join(dir, "kube-apiserver.log") }

// lastWords returns the end of the API server's log as an error, as envtest says
// only that the program did not start.
func (cp *ControlPlane) lastWords() error {
	log, _ := os.ReadFile(logPath(cp.dir)) // there is none when etcd did not start
	if len(log) == 0 {
		return nil
	}
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	return fmt.Errorf("kube-apiserver's last words:\n%s", strings.Join(lines[max(0, len(lines)-10):], "\n"))
}
