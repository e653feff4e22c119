package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// quickTimeout is for what takes the operator a moment. Machines are often busy.
	quickTimeout = 30 * time.Second
	pollInterval = 100 * time.Millisecond
)

// poll calls check until it returns no error. After the timeout it returns what was
// wanted, and the last error of check.
func poll(ctx context.Context, timeout time.Duration, want string, check func(context.Context) error) error {
	var lastErr error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, timeout, true, func(context.Context) (bool, error) {
		lastErr = check(ctx) // the context with the timeout would replace the error by its own
		return lastErr == nil, nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return fmt.Errorf("not within %s: %s; %w", seconds(timeout), want, lastErr)
	}
}
