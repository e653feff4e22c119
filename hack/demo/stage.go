package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/standin"
)

// stage is everything that runs: an API server, the endpoint's stand-in and the
// operator.
type stage struct {
	root     string // of the project's checkout
	dir      string // for the programs and the log
	plane    *controlplane.ControlPlane
	endpoint *standin.Server
	server   *http.Server
	baseURL  string // of the stand-in
	metrics  string // address of the operator's metrics
	health   string // address of the operator's probes
	manager  *manager
	cluster  *cluster
}

// setUp starts everything, or nothing. The context that it returns ends with the
// given one, and when the operator ends by itself.
func setUp(ctx context.Context, out *printer, options ...standin.Option) (_ context.Context, _ *stage, err error) {
	s := &stage{endpoint: standin.New(options...)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strike(err))
		}
	}()
	if s.dir, err = os.MkdirTemp("", "billing-demo-"); err != nil {
		return nil, nil, err
	}
	if s.root, err = checkout(ctx); err != nil {
		return nil, nil, err
	}
	out.didf("Build the operator")
	binary, err := build(ctx, s.root, s.dir, out)
	if err != nil {
		return nil, nil, err
	}
	out.didf("Start an API server of Kubernetes %s with its etcd", controlplane.KubernetesVersion)
	if err := s.startCluster(ctx, out); err != nil {
		return nil, nil, err
	}
	if err := s.startEndpoint(); err != nil {
		return nil, nil, err
	}
	out.didf("Start a stand-in of Xtracta's endpoint at %s", s.baseURL)
	out.didf("Start the operator, with the rights of config/rbac and no more")
	running, err := s.startOperator(ctx, binary)
	if err != nil {
		return nil, nil, err
	}
	out.sawf("Everything is up")
	return running, s, nil
}

// checkout is the root of the project, from anywhere inside it.
func checkout(ctx context.Context) (string, error) {
	said, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	module := strings.TrimSpace(string(said))
	if err != nil || module == "" || module == os.DevNull {
		return "", errors.Join(errors.New("run this inside the project's checkout"), err)
	}
	return filepath.Dir(module), nil
}

func (s *stage) startCluster(ctx context.Context, out *printer) error {
	plane, err := controlplane.Start(ctx, controlplane.Options{
		CRDDirs: []string{filepath.Join(s.root, "config", "crd", "bases")},
		Out:     out,
	})
	s.plane = plane
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	s.cluster, err = newCluster(plane.Config())
	return err
}

func (s *stage) startEndpoint() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.baseURL = "http://" + listener.Addr().String()
	s.server = &http.Server{Handler: s.endpoint, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	return nil
}

// enrol makes a user of the operator that may do what the shipped roles allow it,
// and no more, and returns the path of its kubeconfig.
func (s *stage) enrol(ctx context.Context) (string, error) {
	for _, file := range []string{"role.yaml", "role_binding.yaml"} {
		if _, err := s.cluster.applyFile(ctx, filepath.Join(s.root, "config", "rbac", file)); err != nil {
			return "", err
		}
	}
	_, kubeconfig, err := s.plane.AddServiceAccount("billing-operator-system", "billing-operator")
	path := filepath.Join(s.dir, "kubeconfig")
	return path, errors.Join(err, os.WriteFile(path, kubeconfig, 0o600))
}

// startOperator returns when the operator says that it is ready.
func (s *stage) startOperator(ctx context.Context, binary string) (context.Context, error) {
	kubeconfig, err := s.enrol(ctx)
	if err != nil {
		return nil, err
	}
	if s.metrics, err = freeAddress(); err != nil {
		return nil, err
	}
	if s.health, err = freeAddress(); err != nil {
		return nil, err
	}
	s.manager, err = startManager(s.dir, binary,
		"--kubeconfig", kubeconfig,
		"--endpoint-url", s.baseURL+standin.Path,
		"--metrics-bind-address", s.metrics, "--metrics-secure=false",
		"--health-probe-bind-address", s.health,
		"--log-format", "text")
	if err != nil {
		return nil, err
	}
	running := s.manager.whileRunning(ctx)
	return running, s.explain(until(running, time.Minute, "the operator is ready", func(ctx context.Context) error {
		return probe(ctx, "http://"+s.health+"/readyz")
	}))
}

// explain adds the operator's last words to an error, unless a person is its cause.
func (s *stage) explain(err error) error {
	if err == nil || errors.Is(err, errStopped) || s.manager == nil {
		return err
	}
	return s.manager.lastWords(err)
}

// strike stops what runs, in the order that lets each end in peace. The operator's
// log is left behind when it may explain the error that this is the end of.
func (s *stage) strike(cause error) error {
	var errs []error
	if s.manager != nil {
		errs = append(errs, s.manager.stop())
		if cause == nil || errors.Is(cause, errStopped) {
			errs = append(errs, os.Remove(s.manager.logPath))
		}
	}
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	if s.plane != nil {
		errs = append(errs, s.plane.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// freeAddress is one of the loopback interface that nobody listens on.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

func probe(ctx context.Context, url string) error {
	answer, err := get(ctx, url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}
