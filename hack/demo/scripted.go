package main

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// scripted is the story of a session, in steps.
func scripted(e *environment) {
	e.out.text(introduction)
	e.setUp(standin.AcceptAnyKey(), standin.WithMaxLife(lifetime))
	began := e.out.elapsed()
	for i, step := range steps {
		e.out.title(fmt.Sprintf("%d. %s", i+1, step.title))
		e.runStep(step)
	}
	e.out.title("Done")
	e.out.successf("All %d steps succeeded, in %s and with %d requests.",
		len(steps), seconds(e.out.elapsed()-began), e.endpoint.Total())
	e.out.notef("To look around yourself with kubectl: make run")
}

// demo is what a step works with.
type demo struct {
	*environment

	before state // what the step begins with
}

// runStep runs a step, and checks how many requests it cost.
func (e *environment) runStep(s step) {
	before := e.endpoint.Total()
	s.run(&demo{e, e.read()})
	cost := e.endpoint.Total() - before
	if cost != s.requests {
		e.Fatalf("the endpoint got %d requests in this step, instead of %d", cost, s.requests)
	}
	e.out.notef("Requests to the endpoint: %d", cost)
}

// await reads the state until check names no problem.
func (d *demo) await(patience time.Duration, what string, check func(state) (problem string)) (current state) {
	d.eventually(patience, what, func() string {
		current = d.read()
		return check(current)
	})
	return current
}

// checkReady names what is wrong unless the session is ready for its present spec, with a
// URL in its Secret.
func checkReady(s state) (problem string) {
	ready := s.condition(v1alpha1.ConditionReady)
	switch {
	case ready.Reason == "" || s.session.Status.ObservedGeneration != s.session.Generation:
		return "the operator has not looked at it"
	case ready.Status != metav1.ConditionTrue:
		return fmt.Sprintf("it is not ready: %s: %s", ready.Reason, ready.Message)
	case s.url() == "":
		return "it is ready, but its Secret holds no URL"
	}
	return ""
}

// checkReplaced accepts a ready session whose Secret holds another URL than before, and whose
// status, which is written after the Secret, tells when that one expires.
func checkReplaced(before state) func(state) string {
	return func(s state) string {
		switch {
		case s.url() == before.url():
			return "the Secret holds the old URL"
		case s.session.Status.ExpirationTime.Equal(before.session.Status.ExpirationTime):
			return "the status is still that of the old URL"
		}
		return checkReady(s)
	}
}

// printRow prints what kubectl would print.
func (d *demo) printRow() {
	d.out.block("$ kubectl get billingsession " + sessionName + "\n" + d.row())
}

// mustOpen opens the page behind a URL.
func (d *demo) mustOpen(url string) (title string) {
	title, err := d.openPage(url)
	d.must(err)
	return title
}
