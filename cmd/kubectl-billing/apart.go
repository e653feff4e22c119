package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// completionTimeout bounds how long a user who pressed Tab waits for the cluster. With the
// start of the programs that is less than three seconds.
const completionTimeout = 2500 * time.Millisecond

// apart is set in the environment of the process that completes.
const apart = "KUBECTL_BILLING_COMPLETES"

// isCompletion reports whether the arguments ask for completions, and another process may
// find them.
func isCompletion(args []string) bool {
	return len(args) > 0 && os.Getenv(apart) == "" &&
		(args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// completeApart completes in a process without a terminal, which is ended when it takes too
// long. A credential plugin could otherwise ask the user something, and there is no other
// way to stop waiting for one.
func completeApart(args []string, out io.Writer) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, completionTimeout)
	defer cancel()
	found := []byte(fmt.Sprintf(":%d\n", cobra.ShellCompDirectiveNoFileComp))
	if program, err := os.Executable(); err == nil {
		var offered bytes.Buffer
		cmd := exec.CommandContext(ctx, program)
		cmd.Args = append([]string{"kubectl-billing"}, args...) // by its own name a completer would complete its completion
		cmd.Env = append(os.Environ(), apart+"=1")
		cmd.Stdout, cmd.WaitDelay = &offered, 100*time.Millisecond
		detach(cmd)
		if cmd.Run() == nil {
			found = offered.Bytes()
		}
	}
	_, _ = out.Write(found)
}
