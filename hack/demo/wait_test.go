package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestPollSaysWhatWasWantedAndWhatIsMissing(t *testing.T) {
	missing := errors.New("it is not there")
	err := poll(t.Context(), time.Millisecond, "a thing appears", func(context.Context) error { return missing })
	if !errors.Is(err, missing) || !strings.Contains(err.Error(), "a thing appears") {
		t.Errorf("got %v", err)
	}
}

func TestPollSaysWhyItWasStopped(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	err := poll(ctx, time.Minute, "a thing appears", func(context.Context) error { return errors.New("it is not there") })
	if !errors.Is(err, errStopped) {
		t.Errorf("got %v, want %v", err, errStopped)
	}
}
