package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/standin"
)

// interactiveLifetime of each URL leads to a renewal about every minute.
const interactiveLifetime = 2 * time.Minute

// interactive prints what can be tried, until it is stopped.
func interactive(e *environment) {
	e.out.text(`The operator, a real API server and a stand-in of Xtracta's endpoint, for you to explore with kubectl.
URLs live for two minutes here, so that one is renewed about every minute.`)
	var guided atomic.Bool
	e.setUp(standin.AcceptAnyKey(), standin.WithMaxLife(interactiveLifetime),
		standin.WithControl(), standin.OnAnswer(func(r standin.Request) {
			if guided.Load() { // not in the middle of the guide
				e.out.text("  " + r.Time.Local().Format(time.TimeOnly) + "  " + r.Summary())
			}
		}))
	e.applyFile(samplePath)
	e.out.actionf("Apply %s", samplePath)
	e.out.text(e.guide())
	guided.Store(true)
	if err := untilGone(time.Second, e.interrupted, e.ready); !errors.Is(err, errStopped) {
		e.must(err)
	}
}

// ready reports whether the API server answers.
func (e *environment) ready() error {
	ctx, cancel := context.WithTimeout(e.ctx, quickTimeout)
	defer cancel()
	var session v1alpha1.BillingSession
	return client.IgnoreNotFound(e.client.Get(ctx, in(sessionName), &session))
}

// missedAnswers is how often in a row the API server may not answer before it counts as
// gone. Its kubeconfig is of no use any more then, and the operator waits in vain.
const missedAnswers = 10

// untilGone returns why there is nothing left to explore: somebody stopped the demo, or
// the operator or the API server has ended.
func untilGone(interval time.Duration, interrupted, ready func() error) (err error) {
	for missed := 0; missed < missedAnswers; missed++ {
		if why := interrupted(); why != nil {
			return why
		}
		if err = ready(); err == nil {
			missed = -1
		}
		time.Sleep(interval)
	}
	return fmt.Errorf("the API server does not answer any more: %w", err)
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
		"LOG", e.logPath,
	).Replace(guideTemplate)
}
