package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/hack/controlplane/fetch"
	"github.com/xtracta/billing-operator/hack/gobuild"
	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/standin"
)

// environment is everything that runs: an API server, the stand-in of the endpoint and
// the operator.
type environment struct {
	root     string // of the project's checkout
	dir      string // for the programs and the log
	plane    *controlplane.ControlPlane
	endpoint *standin.Server
	server   *http.Server // serves endpoint
	baseURL  string       // of server
	metrics  string       // address of the operator's metrics
	manager  *manager
	cluster  *cluster
}

// setUp starts everything, or stops what it has started and fails. The context that it
// returns ends with ctx, and when the operator ends unexpectedly.
func setUp(ctx context.Context, out *printer, options ...standin.Option) (_ context.Context, _ *environment, err error) {
	e := &environment{endpoint: standin.New(options...)}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.tearDown(err))
		}
	}()
	if e.dir, err = os.MkdirTemp("", "billing-demo-"); err != nil {
		return nil, nil, err
	}
	if e.root, err = fetch.ModuleRoot(); err != nil {
		return nil, nil, err
	}
	out.actionf("Build the operator")
	binary, err := e.buildManager(ctx, out)
	if err != nil {
		return nil, nil, err
	}
	out.actionf("Start an API server of Kubernetes %s with its etcd", controlplane.KubernetesVersion)
	if err := e.startCluster(ctx, out); err != nil {
		return nil, nil, err
	}
	if err := e.startEndpoint(); err != nil {
		return nil, nil, err
	}
	out.actionf("Start a stand-in of Xtracta's endpoint at %s", e.baseURL)
	out.actionf("Start the operator, with the rights of config/rbac and no more")
	if err := e.startOperator(ctx, binary); err != nil {
		return nil, nil, err
	}
	out.successf("Everything is up")
	return e.manager.running, e, nil
}

// buildManager compiles the operator and reports progress.
func (e *environment) buildManager(ctx context.Context, progress *printer) (string, error) {
	binary := filepath.Join(e.dir, "build", "manager")
	err := gobuild.Command{Dir: e.root, Progress: progress}.Build(ctx, []string{"-o", binary}, "./cmd/manager")
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return binary, err
}

func (e *environment) startCluster(ctx context.Context, progress *printer) error {
	plane, err := controlplane.Start(ctx, controlplane.Options{
		CRDDirs: []string{filepath.Join(e.root, "config", "crd", "bases")},
		Out:     progress,
	})
	e.plane = plane
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	e.cluster, err = newCluster(plane.Config())
	return err
}

func (e *environment) startEndpoint() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.baseURL = "http://" + listener.Addr().String()
	e.server = &http.Server{Handler: e.endpoint, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = e.server.Serve(listener) }() // returns when tearDown closes the server
	return nil
}

// grantRoles creates a user for the operator, with the rights of the shipped roles and
// no more. It returns the path of the user's kubeconfig.
func (e *environment) grantRoles(ctx context.Context) (string, error) {
	for _, file := range []string{"role.yaml", "role_binding.yaml"} {
		if err := e.cluster.applyFile(ctx, filepath.Join(e.root, "config", "rbac", file)); err != nil {
			return "", err
		}
	}
	_, kubeconfig, err := e.plane.AddServiceAccount("billing-operator-system", "billing-operator")
	path := filepath.Join(e.dir, "kubeconfig")
	return path, errors.Join(err, os.WriteFile(path, kubeconfig, 0o600))
}

// startOperator returns once the operator is ready.
func (e *environment) startOperator(ctx context.Context, binary string) error {
	kubeconfig, err := e.grantRoles(ctx)
	if err != nil {
		return err
	}
	metrics, metricsErr := process.FreeAddress()
	health, healthErr := process.FreeAddress()
	if err := errors.Join(metricsErr, healthErr); err != nil {
		return err
	}
	e.metrics = metrics
	e.manager, err = startManager(ctx, e.dir, binary,
		"--kubeconfig", kubeconfig,
		"--endpoint-url", e.baseURL+standin.Path,
		"--metrics-bind-address", metrics, "--metrics-secure=false",
		"--health-probe-bind-address", health,
		"--log-format", "text")
	if err != nil {
		return err
	}
	return e.withLog(poll(e.manager.running, time.Minute, "the operator is ready", func(ctx context.Context) error {
		_, err := openPage(ctx, "http://"+health+"/readyz")
		return err
	}))
}

// withLog adds the end of the operator's log to an error, unless a person caused it by
// stopping the demo.
func (e *environment) withLog(err error) error {
	if err == nil || errors.Is(err, errStopped) || e.manager == nil {
		return err
	}
	return e.manager.withLog(err)
}

// tearDown stops everything. The operator goes first, so that it can still reach the
// API server. Its log stays when it may explain the error that ended the demo.
func (e *environment) tearDown(cause error) error {
	var errs []error
	if e.manager != nil {
		errs = append(errs, e.manager.stop())
		if cause == nil || errors.Is(cause, errStopped) {
			errs = append(errs, os.Remove(e.manager.logPath))
		}
	}
	if e.server != nil {
		errs = append(errs, e.server.Close())
	}
	if e.plane != nil {
		errs = append(errs, e.plane.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(e.dir))...)
}

// What samplePath declares.
const (
	samplePath  = "config/samples/minimal.yaml"
	sessionName = "acme"
	secretName  = "acme"         // the generated Secret
	keyName     = "acme-xtracta" // the Secret that holds the API key
)

func in(name string) client.ObjectKey { return client.ObjectKey{Namespace: namespace, Name: name} }

func (e *environment) applySample(ctx context.Context) error {
	return e.cluster.applyFile(ctx, filepath.Join(e.root, samplePath))
}

func (e *environment) session(ctx context.Context) (*v1alpha1.BillingSession, error) {
	var session v1alpha1.BillingSession
	return &session, e.cluster.Get(ctx, in(sessionName), &session)
}

// changeKey replaces the API key.
func (e *environment) changeKey(ctx context.Context, value string) error {
	secret, err := e.cluster.secret(ctx, in(keyName))
	if err != nil {
		return err
	}
	before := secret.DeepCopy()
	secret.Data[v1alpha1.DefaultAPIKeySecretKey] = []byte(value)
	return e.cluster.Patch(ctx, secret, client.MergeFrom(before), client.FieldOwner(fieldOwner))
}
