package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// interactiveLifetime of each URL leads to a renewal about every minute.
const interactiveLifetime = 2 * time.Minute

// interactive sets up, prints what can be tried, and tears down when it is stopped.
func interactive(ctx context.Context, out *printer) (err error) {
	out.text(`The operator, a real API server and a stand-in of Xtracta's endpoint, for you to explore with kubectl.
URLs live for two minutes here, so that one is renewed about every minute.`)
	out.title("Set up")
	var guided atomic.Bool
	running, env, err := setUp(ctx, out, standin.AcceptAnyKey(), standin.WithMaxLife(interactiveLifetime),
		standin.WithControl(), standin.OnAnswer(func(r standin.Request) {
			if guided.Load() { // not in the middle of the guide
				out.text("  " + r.Time.Local().Format(time.TimeOnly) + "  " + r.Summary())
			}
		}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.tearDown(err)) }()

	if err := env.applySample(running); err != nil {
		return env.withLog(err)
	}
	out.actionf("Apply %s", samplePath)
	out.text(env.guide())
	guided.Store(true)
	if cause := untilGone(running, time.Second, env.cluster.ready); !errors.Is(cause, errStopped) {
		return env.withLog(cause)
	}
	return nil
}

// missedAnswers is how often in a row the API server may not answer before it counts as
// gone. Its kubeconfig is of no use any more then, and the operator waits in vain.
const missedAnswers = 10

// untilGone returns why there is nothing left to explore: somebody stopped the demo, or
// the operator or the API server has ended.
func untilGone(running context.Context, interval time.Duration, ready func(context.Context) error) error {
	missed := 0
	for {
		select {
		case <-running.Done():
			return context.Cause(running)
		case <-time.After(interval):
		}
		err := ready(running)
		if err == nil {
			missed = 0
			continue
		}
		if missed++; missed == missedAnswers && running.Err() == nil {
			return fmt.Errorf("the API server does not answer any more: %w", err)
		}
	}
}

const guideTemplate = `
In another terminal:

  export KUBECONFIG=KUBECONFIG_PATH

Look around:

  kubectl get billingsessions
  kubectl describe billingsession SESSION
  kubectl explain billingsession.spec
  kubectl get events

Open the billing page (the URL is as good as a password for two minutes):

  kubectl get secret SECRET -o jsonpath='{.data.url}' | base64 -d

The same with the plugin, which "make build" puts into bin/:

  bin/kubectl-billing list
  bin/kubectl-billing open SESSION
  bin/kubectl-billing explain SESSION

Request a fresh URL, delete the Secret, suspend the session and resume it:

  kubectl annotate billingsession SESSION --overwrite billing.xtracta.com/renew-requested-at="$(date +%s)"
  kubectl delete secret SECRET
  kubectl patch billingsession SESSION --type merge -p '{"spec":{"suspend":true}}'
  kubectl patch billingsession SESSION --type merge -p '{"spec":{"suspend":false}}'

Make the endpoint fail, reject or throttle requests, and then work again:

  curl -d fault=status=503 ENDPOINT/_standin/misbehave
  curl -d fault=status=403 ENDPOINT/_standin/misbehave
  curl -d fault=throttle=30s ENDPOINT/_standin/misbehave
  curl -X POST ENDPOINT/_standin/heal
  curl ENDPOINT/_standin/                # lists everything that it can do

The operator's log:      tail -f LOG
The operator's metrics:  curl -s METRICS/metrics | grep billingsession_

Ctrl-C stops everything. Requests to the endpoint, as they arrive:
`

// guide returns what can be tried.
func (e *environment) guide() string {
	return strings.NewReplacer(
		"KUBECONFIG_PATH", e.plane.KubeconfigPath(),
		"SESSION", sessionName,
		"SECRET", secretName,
		"ENDPOINT", e.baseURL,
		"METRICS", e.metrics,
		"LOG", e.manager.logPath,
	).Replace(guideTemplate)
}
