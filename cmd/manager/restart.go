package main

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

// restartedVariable holds when the process last began anew for a namespace, in UNIX seconds.
const restartedVariable = "BILLING_OPERATOR_RESTARTED"

// beginAnew replaces the process by a new one that knows when this was. If the process ended
// instead, nothing would know that, and a kubelet would wait longer each time before it starts a
// container again. It returns only if it fails.
func beginAnew(now time.Time) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if err := os.Setenv(restartedVariable, strconv.FormatInt(now.Unix(), 10)); err != nil {
		return err
	}
	return syscall.Exec(program, os.Args, os.Environ())
}

// lastRestart is when a process before this one began anew; zero if none did.
func lastRestart() time.Time {
	seconds, err := strconv.ParseInt(os.Getenv(restartedVariable), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}
