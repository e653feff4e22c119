package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/standin"
)

// lifetime of each URL, whatever is asked for. It is short, so that renewals can be
// watched, and long enough for one to fail and be retried ten seconds later.
const lifetime = 40 * time.Second

const introduction = `A BillingSession is a Kubernetes resource that provides a URL of a group's Xtracta billing page.
Such a URL needs no login and expires soon, so the operator replaces it in time. This demo runs the
real operator with a real API server and a stand-in of Xtracta's endpoint, all on this machine. URLs
live for 40 seconds here instead of ten minutes, so the demo takes about a minute.`

// scripted sets up, runs the steps and tears down.
func scripted(ctx context.Context, out *printer) (err error) {
	out.text(introduction)
	out.title("Set up")
	running, env, err := setUp(ctx, out, standin.AcceptAnyKey(), standin.WithMaxLife(lifetime))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.tearDown(err)) }()

	d := &demo{environment: env, out: out}
	began := out.elapsed()
	for i, step := range steps {
		out.title(fmt.Sprintf("%d. %s", i+1, step.title))
		if err := d.runStep(running, step); err != nil {
			return env.withLog(err)
		}
	}
	out.title("Done")
	out.successf("All %d steps succeeded, in %s and with %d requests.",
		len(steps), seconds(out.elapsed()-began), d.endpoint.Total())
	out.notef("To look around yourself with kubectl: make run")
	return nil
}

// demo is what the steps share.
type demo struct {
	*environment

	out    *printer
	before state // of the step: what it begins with
}

// runStep runs a step, and checks how many requests it cost.
func (d *demo) runStep(ctx context.Context, s step) (err error) {
	before := d.endpoint.Total()
	if d.before, err = d.read(ctx); err != nil {
		return err
	}
	if err := s.run(ctx, d); err != nil {
		return err
	}
	cost := d.endpoint.Total() - before
	if cost != s.requests {
		return fmt.Errorf("the endpoint got %d requests in this step, instead of %d", cost, s.requests)
	}
	d.out.notef("Requests to the endpoint: %d", cost)
	return nil
}

// state is a session and its generated Secret at one moment.
type state struct {
	session *v1alpha1.BillingSession
	secret  *corev1.Secret
}

func (s state) url() string { return string(s.secret.Data[v1alpha1.SecretKeyURL]) }

// left is how long the URL still lives.
func (s state) left() time.Duration { return time.Until(s.session.Status.ExpirationTime.Time) }

// condition returns a condition of the session, with status Unknown when it is absent.
func (s state) condition(kind string) metav1.Condition {
	if found := meta.FindStatusCondition(s.session.Status.Conditions, kind); found != nil {
		return *found
	}
	return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown}
}

// read returns the present state. What is not there is empty.
func (d *demo) read(ctx context.Context) (state, error) {
	session, err := d.session(ctx)
	if client.IgnoreNotFound(err) != nil {
		return state{}, err
	}
	secret, err := d.cluster.secret(ctx, in(secretName))
	return state{session, secret}, client.IgnoreNotFound(err)
}

// await reads the state until check accepts it.
func (d *demo) await(ctx context.Context, timeout time.Duration, want string, check func(state) error) (state, error) {
	var current state
	err := poll(ctx, timeout, want, func(ctx context.Context) error {
		var err error
		if current, err = d.read(ctx); err != nil {
			return err
		}
		return check(current)
	})
	return current, err
}

// checkReady returns an error unless the session is ready for its present spec, with a
// URL in its Secret.
func checkReady(s state) error {
	ready := s.condition(v1alpha1.ConditionReady)
	switch {
	case ready.Reason == "" || s.session.Status.ObservedGeneration != s.session.Generation:
		return errors.New("the operator has not looked at it")
	case ready.Status != metav1.ConditionTrue:
		return fmt.Errorf("it is not ready: %s: %s", ready.Reason, ready.Message)
	case s.url() == "":
		return errors.New("it is ready, but its Secret holds no URL")
	}
	return nil
}

// checkReplaced accepts a ready session whose Secret holds another URL than before, and whose
// status, which is written after the Secret, tells when that one expires.
func checkReplaced(before state) func(state) error {
	return func(s state) error {
		switch {
		case s.url() == before.url():
			return errors.New("the Secret holds the old URL")
		case s.session.Status.ExpirationTime.Equal(before.session.Status.ExpirationTime):
			return errors.New("the status is still that of the old URL")
		}
		return checkReady(s)
	}
}

// printRow prints what kubectl would print.
func (d *demo) printRow(ctx context.Context) error {
	row, err := d.cluster.row(ctx, in(sessionName))
	if err != nil {
		return err
	}
	d.out.block("$ kubectl get billingsession " + sessionName + "\n" + row)
	return nil
}
