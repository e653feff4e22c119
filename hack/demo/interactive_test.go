package main

import (
	"context"
	"errors"
	"regexp"
	"testing"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

func TestGuideLeavesNoPlaceholder(t *testing.T) {
	e := &environment{plane: &controlplane.ControlPlane{}, baseURL: "http://endpoint", metrics: "metrics:1", logPath: "a.log"}
	guide := e.guide()
	allowed := map[string]bool{"KUBECONFIG": true, "URL": true, "POST": true}
	for _, word := range regexp.MustCompile(`\b[A-Z_]{3,}\b`).FindAllString(guide, -1) {
		if !allowed[word] {
			t.Errorf("the placeholder %s is left in:\n%s", word, guide)
		}
	}
}

func TestTheDemoEndsWhenTheAPIServerIsGone(t *testing.T) {
	refused := errors.New("connection refused")
	asked := 0
	err := untilGone(0, func() error { return nil }, func() error {
		if asked++; asked%missedAnswers == 0 && asked < 5*missedAnswers {
			return nil // it was only busy
		}
		return refused
	})
	if !errors.Is(err, refused) || asked != 5*missedAnswers {
		t.Errorf("got %v after %d questions", err, asked)
	}
}

func TestTheDemoEndsWhenSomebodyStopsIt(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	err := untilGone(0, func() error { return context.Cause(ctx) }, func() error { stop(errStopped); return nil })
	if !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
}

// What was set up is taken down in the reverse order, whatever fails.
func TestAFailureEndsTheDemoInOrder(t *testing.T) {
	p := &player{ctx: t.Context()}
	var order []string
	broken := errors.New("broken")
	err := p.perform(func() {
		p.Cleanup(func() { order = append(order, "first") })
		p.Cleanup(func() { order = append(order, "second"); p.Errorf("stuck") })
		p.must(broken)
		order = append(order, "never")
	})
	if !errors.Is(err, broken) || err.Error() != "broken\nstuck" || len(order) != 2 || order[0] != "second" {
		t.Errorf("got %v, order %q", err, order)
	}
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errStopped)
	p = &player{ctx: stopped}
	if err := p.perform(func() { p.must(broken) }); !errors.Is(err, errStopped) {
		t.Errorf("a call that fails because the demo was stopped: %v", err)
	}
}
