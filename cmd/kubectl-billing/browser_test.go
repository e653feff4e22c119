package main

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestALauncherIsNotWaitedFor(t *testing.T) {
	failed := errors.New("no display")
	for _, row := range []struct {
		why   string
		takes time.Duration
		err   error
		want  error
		waits time.Duration
	}{
		{"one that returns at once", 0, nil, nil, 0},
		{"one that fails at once", 0, failed, failed, 0},
		{"one that fails after a moment", time.Second, failed, failed, time.Second},
		{"one that is the browser", time.Hour, nil, nil, launchTimeout},
		{"one whose browser crashes later", time.Hour, failed, nil, launchTimeout},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				err := waitAtMost(launchTimeout, func() error { time.Sleep(row.takes); return row.err })
				if waited := time.Since(begin); !errors.Is(err, row.want) || waited != row.waits {
					t.Errorf("%v after %s, want %v after %s", err, waited, row.want, row.waits)
				}
				time.Sleep(row.takes) // in the bubble's time: every launcher has to end within it
			})
		})
	}
}
