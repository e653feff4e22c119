package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/hack/gobuild"
	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/standin"
)

const (
	// quickTimeout is for what takes the operator a moment. Machines are often busy.
	quickTimeout = 30 * time.Second
	pollInterval = 100 * time.Millisecond
)

// environment is everything that runs: an API server, the stand-in of the endpoint and
// the operator.
type environment struct {
	*player

	out      *printer
	dir      string // for the programs
	logPath  string // of the operator
	plane    *controlplane.ControlPlane
	client   client.Client
	endpoint *standin.Server
	baseURL  string // of endpoint
	metrics  string // address of the operator's metrics
	operator *env.Process
}

// perform plays a story. The operator's log stays when it may explain why it failed.
func perform(ctx context.Context, out *printer, story func(*environment)) error {
	e := &environment{player: &player{ctx: ctx}, out: out}
	err := e.perform(func() { story(e) })
	if err != nil && !errors.Is(err, errStopped) && e.operator != nil {
		return &logTailError{err, e.logPath, process.LogTail(e.logPath, logTailLines)}
	}
	_ = os.Remove(e.logPath) // there is none when nothing was started
	return err
}

// setUp starts everything.
func (e *environment) setUp(options ...standin.Option) {
	var err error
	e.out.title("Set up")
	e.dir, err = os.MkdirTemp("", "billing-demo-")
	e.must(err)
	e.Cleanup(func() { e.must(os.RemoveAll(e.dir)) })
	e.out.actionf("Build the operator")
	binary := filepath.Join(e.dir, "build", "manager")
	e.must(gobuild.Command{Dir: env.Path(), Progress: e.out}.Build(e.ctx, []string{"-o", binary}, "./cmd/manager"))
	e.out.actionf("Start an API server of Kubernetes %s with its etcd", controlplane.KubernetesVersion)
	e.plane, err = controlplane.Start(e.ctx, controlplane.Options{CRDDirs: []string{env.CRDs()}, Out: e.out})
	e.must(err)
	e.Cleanup(func() { e.must(e.plane.Stop()) })
	e.client = env.Client(e, e.plane.Config())
	e.endpoint, e.baseURL = env.Endpoint(e, options...)
	e.out.actionf("Start a stand-in of Xtracta's endpoint at %s", e.baseURL)
	e.out.actionf("Start the operator, with the rights of config/rbac and no more")
	e.startOperator(binary)
	e.out.successf("Everything is up")
}

// grantRoles creates a user for the operator, with the rights of the shipped roles and
// no more. It returns the path of the user's kubeconfig.
func (e *environment) grantRoles() string {
	for _, file := range []string{"role.yaml", "role_binding.yaml"} {
		e.applyFile("config/rbac/" + file)
	}
	_, kubeconfig, err := e.plane.AddServiceAccount("billing-operator-system", "billing-operator")
	path := filepath.Join(e.dir, "kubeconfig")
	e.must(errors.Join(err, os.WriteFile(path, kubeconfig, 0o600)))
	return path
}

// startOperator returns once the operator is ready. Its log is beside the folder, so that it can
// survive that.
func (e *environment) startOperator(binary string) {
	script, err := process.DieWithParent(e.dir, binary, os.Getpid())
	e.must(err)
	e.logPath = e.dir + ".log"
	log, err := os.Create(e.logPath)
	e.must(err)
	e.metrics = env.FreeAddress(e)
	health := env.FreeAddress(e)
	command := exec.Command(script, "--kubeconfig", e.grantRoles(), "--endpoint-url", e.baseURL+standin.Path,
		"--metrics-bind-address", e.metrics, "--metrics-secure=false", "--health-probe-bind-address", health, "--log-format", "text")
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must reach only us
	e.operator = env.Start(e, command)
	e.Cleanup(func() { e.operator.Stop(); e.must(log.Close()) })
	e.eventually(time.Minute, "the operator is ready", func() string {
		_, err := e.openPage("http://" + health + "/readyz")
		return problem(err)
	})
}

// eventually waits until the condition names no problem any more.
func (e *environment) eventually(patience time.Duration, what string, condition func() string) {
	env.EventuallyWithin(e, patience, what, func() string {
		time.Sleep(pollInterval) // the machine is somebody's
		e.must(e.interrupted())
		return condition()
	})
}

// interrupted returns why the demo cannot go on, if it cannot.
func (e *environment) interrupted() error {
	if e.operator.Ended() {
		return errors.Join(errors.New("the operator ended unexpectedly"), e.operator.Wait())
	}
	return context.Cause(e.ctx)
}

func problem(err error) string {
	if err != nil {
		return err.Error()
	}
	return ""
}

var (
	httpClient = &http.Client{Timeout: 10 * time.Second}
	titleTag   = regexp.MustCompile(`(?is)<title>(.*?)</title>`)
)

// openPage opens a page and returns its title. Its errors never contain the URL, which is
// as good as a password.
func (e *environment) openPage(url string) (title string, err error) {
	request, err := http.NewRequestWithContext(e.ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", errors.New("the URL is none")
	}
	response, err := httpClient.Do(request)
	if err != nil {
		return "", errors.New("it does not answer")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("it answers %s", response.Status)
	}
	page, err := io.ReadAll(response.Body)
	if found := titleTag.FindSubmatch(page); found != nil {
		title = string(found[1])
	}
	return title, err
}
