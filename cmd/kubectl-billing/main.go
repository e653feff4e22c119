// Command kubectl-billing is a kubectl plugin: it lists billing sessions, opens and
// renews their URLs, and explains how they stand.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	"k8s.io/klog/v2"
)

func main() {
	// The libraries also return their errors, so their log lines would only repeat
	// what the user reads anyway.
	klog.SetLogger(logr.Discard())
	// Without this a write to a closed pipe would end the process, with nothing said.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	args := arguments(os.Args)
	if isCompletion(args) {
		completeApart(args, streams.Out)
		return
	}
	os.Exit(run(context.Background(), args, streams))
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	stdout := streams.Out
	out := &checkedWriter{Writer: stdout}
	streams.Out = out
	parsed, err := parse(args, streams)
	if err == nil && parsed.operation != nil {
		env := &environment{IOStreams: streams, terminal: printers.IsTerminal(stdout)}
		if env.cluster, err = connect(parsed.kubeconfig, streams.ErrOut); err == nil {
			err = parsed.operation.run(ctx, env)
		}
	}
	return report(out.check(err), streams.ErrOut)
}

// environment is everything outside of the program that an operation uses.
type environment struct {
	genericiooptions.IOStreams
	terminal bool // whether standard output is one
	*cluster
}

// operation is one subcommand with its arguments. It holds nothing else, so that
// tests can compare two operations; run does the work in an environment.
type operation interface {
	run(ctx context.Context, env *environment) error
}

// invocation is a parsed command line.
type invocation struct {
	// operation is nil if nothing is left to do, as when the user asked for help.
	operation  operation
	kubeconfig *genericclioptions.ConfigFlags
}

const about = `Lists billing sessions, opens and renews their URLs, and explains how they stand and
what to do.

A billing session keeps a temporary URL of an Xtracta group's billing page alive.
Whoever has the URL is logged in, so it is printed only where you ask for it.

Exit codes:
  0  done
  1  it failed; the error says why and what to do
  2  the command line is wrong
  3  a session is not ready, expired or suspended
  4  waiting took longer than --timeout
If several sessions fail, the first one decides.`

// parse reads the command line. All its errors are mistakes of the user.
func parse(args []string, streams genericiooptions.IOStreams) (invocation, error) {
	parsed := invocation{kubeconfig: genericclioptions.NewConfigFlags(true)}
	root := &cobra.Command{
		Use:   "kubectl-billing",
		Short: "List, open and renew billing sessions",
		Long:  about,
		Annotations: map[string]string{
			cobra.CommandDisplayNameAnnotation: "kubectl billing",
		},
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	parsed.kubeconfig.AddFlags(root.PersistentFlags())
	root.InitDefaultHelpFlag() // before the commands are added, so that flags may follow --help
	root.AddCommand(listCommand(&parsed), openCommand(&parsed), renewCommand(&parsed),
		suspendCommand(&parsed), resumeCommand(&parsed), explainCommand(&parsed), versionCommand(&parsed))
	registerCompletions(root, &parsed)
	if command, err := root.ExecuteC(); err != nil {
		return invocation{}, failf(exitUsage, "%w\nSee '%s --help'", err, command.CommandPath())
	}
	return parsed, nil
}
