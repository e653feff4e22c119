package main

import (
	"context"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

func TestGuideLeavesNoPlaceholder(t *testing.T) {
	e := &environment{plane: &controlplane.ControlPlane{}, baseURL: "http://endpoint", metrics: "metrics:1", manager: &manager{logPath: "a.log"}}
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
	err := untilGone(t.Context(), time.Nanosecond, func(context.Context) error {
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
	err := untilGone(ctx, time.Nanosecond, func(context.Context) error { stop(errStopped); return nil })
	if !errors.Is(err, errStopped) {
		t.Errorf("got %v", err)
	}
}
