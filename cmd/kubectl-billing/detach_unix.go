//go:build !windows

package main

import (
	"os/exec"
	"syscall"
)

// detach gives a command no terminal, and ends what it has started together with it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
