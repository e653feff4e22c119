package main

import (
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// invocation is a parsed command line.
type invocation struct {
	// operation is nil if the user only asked for help or completion.
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
