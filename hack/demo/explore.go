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

// exploredLife of each URL: a renewal comes about each minute.
const exploredLife = 2 * time.Minute

// explore sets up, says what can be tried, and stops everything when it is told to.
func explore(ctx context.Context, out *printer) (err error) {
	out.text(`The operator, a real API server and a stand-in of Xtracta's endpoint, to be explored with kubectl.
URLs live for two minutes here, so that there is a renewal about each minute.`)
	out.title("Set up")
	var guided atomic.Bool
	running, stage, err := setUp(ctx, out, standin.AcceptAnyKey(), standin.WithMaxLife(exploredLife),
		standin.WithControl(), standin.OnAnswer(func(r standin.Request) {
			if guided.Load() {
				out.text(describe(r))
			}
		}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.strike(err)) }()

	e, err := stage.applySample(running)
	if err != nil {
		return stage.explain(err)
	}
	out.didf("Apply %s", sample)
	out.text(stage.guide(e))
	guided.Store(true)
	<-running.Done()
	if cause := context.Cause(running); !errors.Is(cause, errStopped) {
		return stage.explain(cause)
	}
	return nil
}

// describe is a line for each request to the endpoint.
func describe(r standin.Request) string {
	line := fmt.Sprintf("  %s  key %s: %s", r.Time.Local().Format(time.TimeOnly), r.Key, r.Outcome)
	if r.Outcome == standin.Granted {
		return line + fmt.Sprintf(" for %s", r.Life)
	}
	line += fmt.Sprintf(" with %d", r.Status)
	if r.Fault != "" {
		line += " (" + r.Fault + ")"
	}
	return line
}

const guideText = `
In another terminal:

  export KUBECONFIG=KUBECONFIG_PATH

Look around:

  kubectl get billingsessions
  kubectl describe billingsession SESSION
  kubectl explain billingsession.spec
  kubectl get events

Open the billing page (the URL is as good as a password, for two minutes):

  kubectl get secret SECRET -o jsonpath='{.data.url}' | base64 -d

Ask for a fresh URL, take the Secret away, stop, and go on:

  kubectl annotate billingsession SESSION --overwrite billing.xtracta.com/renew-requested-at="$(date +%s)"
  kubectl delete secret SECRET
  kubectl patch billingsession SESSION --type merge -p '{"spec":{"suspend":true}}'
  kubectl patch billingsession SESSION --type merge -p '{"spec":{"suspend":false}}'

Make the endpoint fail, refuse or throttle, and heal it:

  curl -d fault=status=503 ENDPOINT/_standin/misbehave
  curl -d fault=status=403 ENDPOINT/_standin/misbehave
  curl -d fault=throttle=30s ENDPOINT/_standin/misbehave
  curl -X POST ENDPOINT/_standin/heal
  curl ENDPOINT/_standin/                # all that it can do

The operator's log:      tail -f LOG
The operator's metrics:  curl -s METRICS/metrics | grep billingsession_

Ctrl-C stops everything. Requests to the endpoint, as they come:
`

// guide says what can be tried.
func (s *stage) guide(e example) string {
	return strings.NewReplacer(
		"KUBECONFIG_PATH", s.plane.KubeconfigPath(),
		"SESSION", e.session.Name,
		"SECRET", e.secret.Name,
		"ENDPOINT", s.baseURL,
		"METRICS", s.metrics,
		"LOG", s.manager.logPath,
	).Replace(guideText)
}
