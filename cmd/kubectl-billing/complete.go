package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
)

const (
	// completerMark is what the names of completers have in common. For completion kubectl
	// starts a program with the name kubectl_complete-billing.
	completerMark = "complete"
	// apart is set in the environment of the process that completes.
	apart = "KUBECTL_BILLING_COMPLETES"
)

// completionTimeout bounds how long a user who pressed Tab waits for the cluster. With the start
// of the programs that is less than three seconds. Tests wait longer where there is an answer.
var completionTimeout = 2500 * time.Millisecond

// arguments returns the command line, turned into a completion request if the program
// was started as the completer.
func arguments(argv []string) []string {
	if isCompleter(argv[0]) {
		return append([]string{cobra.ShellCompRequestCmd}, argv[1:]...)
	}
	return argv[1:]
}

// isCompleter reports whether the program was started by the name of a completer. It
// accepts every spelling, with a suffix such as .exe and in any case: a completer that is
// taken for the plugin would execute the line that the user is still typing.
func isCompleter(argv0 string) bool {
	base := argv0[strings.LastIndexAny(argv0, `/\`)+1:]
	return strings.Contains(strings.ToLower(base), completerMark)
}

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

// completeOne completes the name of a session.
func completeOne(parsed *invocation) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeMany(parsed)(c, args, typed)
	}
}

// completeMany completes the names of sessions that are not on the command line already.
func completeMany(parsed *invocation) cobra.CompletionFunc {
	all := completeNames(parsed, func(c *cluster) dynamic.ResourceInterface {
		return c.client.Resource(sessionResource).Namespace(c.namespace)
	})
	return func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		names, directive := all(c, args, typed)
		return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args, name) }), directive
	}
}

// completeNames completes the names of objects. It offers nothing if they cannot be read: an
// error would garble the line that the user types.
func completeNames(parsed *invocation, of func(*cluster) dynamic.ResourceInterface) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
		defer cancel()
		c, err := connect(parsed.kubeconfig, io.Discard)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, err := of(c).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := make([]string, len(found.Items))
		for i := range found.Items {
			names[i] = found.Items[i].GetName()
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// registerCompletions completes the values of flags.
func registerCompletions(root *cobra.Command, parsed *invocation) {
	complete := func(c *cobra.Command, flag string, with cobra.CompletionFunc) {
		if err := c.RegisterFlagCompletionFunc(flag, with); err != nil {
			panic(err) // the command has no such flag: a defect that every start would show
		}
	}
	complete(root, "namespace", completeNames(parsed, func(c *cluster) dynamic.ResourceInterface { return c.client.Resource(namespaceResource) }))
	complete(root, "context", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		config, _ := parsed.kubeconfig.ToRawKubeConfigLoader().RawConfig() // has no contexts if it cannot be read
		return slices.Sorted(maps.Keys(config.Contexts)), cobra.ShellCompDirectiveNoFileComp
	})
	list, _, _ := root.Find([]string{"list"})
	complete(list, "output", cobra.FixedCompletions([]string{"wide", "json", "yaml", "name"}, cobra.ShellCompDirectiveNoFileComp))
	complete(list, "sort-by", cobra.FixedCompletions([]string{byName, byExpiry}, cobra.ShellCompDirectiveNoFileComp))
}
