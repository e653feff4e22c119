package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const (
	// soon bounds what needs no request to wait for; machines are often busy.
	soon = 30 * time.Second
	// pace is how often it is looked.
	pace = 100 * time.Millisecond
)

// until looks until look finds nothing missing, for as long as bound. Its error
// says what was wanted and what was missing last.
func until(ctx context.Context, bound time.Duration, want string, look func(context.Context) error) error {
	var missing error
	err := wait.PollUntilContextTimeout(ctx, pace, bound, true, func(context.Context) (bool, error) {
		missing = look(ctx) // never cut off by the bound, which would hide what is missing
		return missing == nil, nil
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return fmt.Errorf("not seen within %s: %s; %w", seconds(bound), want, missing)
	}
}
