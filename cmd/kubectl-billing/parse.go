package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// invocation is what the arguments say: what to do, and with which cluster.
type invocation struct {
	// operation is nil when the arguments only asked for help or completion.
	operation  operation
	kubeconfig *genericclioptions.ConfigFlags
}

const about = `Lists billing sessions, opens and renews their URLs, and explains what the
controller does next and why.

A billing session keeps a temporary URL of an Xtracta group's billing page alive.
Whoever holds the URL is logged in, so URLs are printed only where you ask for them.

Exit codes:
  0  done
  1  it failed; the error says why and what to do
  2  the command line is wrong
  3  a session is not ready, expired or suspended
  4  waiting took longer than --timeout
With several sessions the first that failed decides.`

// parse reads the arguments. Its errors are the caller's mistakes.
func parse(args []string, streams genericiooptions.IOStreams) (invocation, error) {
	called := invocation{kubeconfig: genericclioptions.NewConfigFlags(true)}
	root := &cobra.Command{
		Use:   "kubectl-billing",
		Short: "See, open and renew billing sessions",
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
	called.kubeconfig.AddFlags(root.PersistentFlags())
	root.InitDefaultHelpFlag() // so early that flags may follow --help
	root.AddCommand(listCommand(&called), openCommand(&called), renewCommand(&called),
		suspendCommand(&called), resumeCommand(&called), explainCommand(&called))
	completeFlags(root, &called)
	if command, err := root.ExecuteC(); err != nil {
		return invocation{}, fail(exitUsage, "%w\nSee '%s --help'", err, command.CommandPath())
	}
	return called, nil
}

func listCommand(called *invocation) *cobra.Command {
	var op list
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls", "get"},
		Short:   "List sessions: ready or not, life left, next renewal, and the cause when something fails",
		Long: `Lists sessions: ready or not, for how long the URL still works, when the next one
is asked for, and the cause when something fails.

URLs are left out of every output format unless --show-url asks for them.`,
		Example: `  kubectl billing list -n finance
  kubectl billing list -A --sort-by=expiry
  kubectl billing list -l team=ap -o wide --watch`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("list takes no names; see one session with: kubectl billing explain NAME")
			}
			return nil
		},
		RunE: func(*cobra.Command, []string) error {
			called.operation = op
			return op.check()
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	flags := c.Flags()
	flags.BoolVarP(&op.allNamespaces, "all-namespaces", "A", false, "list the sessions of all namespaces")
	flags.StringVarP(&op.selector, "selector", "l", "", "list the sessions with these labels, such as team=ap")
	flags.StringVarP(&op.output, "output", "o", "", "wide, json, yaml, name, jsonpath=... or go-template=...")
	flags.StringVar(&op.sortBy, "sort-by", byName, "name, or expiry for what expires first first")
	flags.BoolVarP(&op.watch, "watch", "w", false, "go on and show changes until interrupted")
	flags.BoolVar(&op.showURL, "show-url", false, "keep status.url in json, yaml and templates; treat it as a password")
	return c
}

func openCommand(called *invocation) *cobra.Command {
	var op open
	c := &cobra.Command{
		Use:   "open NAME",
		Short: "Open a session's billing page in the browser",
		Long: `Opens the billing page of a session in the browser, with the URL from the generated
Secret: you need permission to read that. A URL that has expired is not opened.

The browser gets the URL on its command line, where other users of the same machine
may see it; on such a machine use --print.`,
		Example: `  kubectl billing open acme
  kubectl billing open acme --fresh
  kubectl billing open acme --print | xclip`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if c.Flags().Changed("timeout") && !op.fresh {
				return errors.New("--timeout bounds the wait of --fresh; add --fresh or leave it out")
			}
			op.name, err = oneName(c, args)
			called.operation = op
			return errors.Join(err, positive(op.timeout))
		},
		ValidArgsFunction: completeOne(called),
	}
	c.Flags().BoolVar(&op.print, "print", false, "print the URL alone instead of opening it")
	c.Flags().BoolVar(&op.fresh, "fresh", false, "ask for a fresh URL first and wait for it")
	timeoutFlag(c, &op.timeout)
	return c
}

func renewCommand(called *invocation) *cobra.Command {
	var op renew
	c := &cobra.Command{
		Use:   "renew NAME... | --all | -l SELECTOR",
		Short: "Ask for a fresh URL now",
		Long: `Asks the controller for fresh URLs, by the annotation
billing.xtracta.com/renew-requested-at. The request is answered when the endpoint
grants or rejects; while it is down or throttles, or the session is suspended, the
request stays pending. Nobody loses a URL that works: it stays until its own expiry.

With --wait the exit code says what came of it.`,
		Example: `  kubectl billing renew acme --wait
  kubectl billing renew --all -n finance`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if c.Flags().Changed("timeout") && !op.wait {
				return errors.New("--timeout bounds the wait of --wait; add --wait or leave it out")
			}
			err = op.choose(args)
			called.operation = op
			return errors.Join(err, positive(op.timeout))
		},
		ValidArgsFunction: completeMany(called),
	}
	op.flags(c)
	c.Flags().BoolVar(&op.wait, "wait", false, "wait until each request is answered")
	timeoutFlag(c, &op.timeout)
	return c
}

func suspendCommand(called *invocation) *cobra.Command {
	return switchCommand(called, suspend{on: true}, &cobra.Command{
		Use:   "suspend NAME... | --all | -l SELECTOR",
		Short: "Stop all requests for sessions; what they have stays until it expires",
		Long: `Stops all requests for sessions by setting spec.suspend. What was issued stays until
it expires. Where Git is the source of truth, change it there: this would be undone.`,
		Example: `  kubectl billing suspend acme`,
	})
}

func resumeCommand(called *invocation) *cobra.Command {
	return switchCommand(called, suspend{on: false}, &cobra.Command{
		Use:   "resume NAME... | --all | -l SELECTOR",
		Short: "Let suspended sessions go on",
		Long: `Lets suspended sessions go on by removing spec.suspend; a URL that is missing or due
is asked for at once. Where Git is the source of truth, change it there.`,
		Example: `  kubectl billing resume acme`,
	})
}

func switchCommand(called *invocation, op suspend, c *cobra.Command) *cobra.Command {
	c.RunE = func(_ *cobra.Command, args []string) error {
		err := op.choose(args)
		called.operation = op
		return err
	}
	c.ValidArgsFunction = completeMany(called)
	op.flags(c)
	return c
}

func explainCommand(called *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME",
		Short: "Say what the controller does next for a session, when and why",
		Long: `Takes the controller's own decision on what is in the cluster now, and tells it in
sentences: what comes next, when and why, rule by rule, and what a person must do.
Nothing is changed and the endpoint is not asked. It reads the Secret with the API key,
as the controller does, and shows nothing of it.`,
		Example: `  kubectl billing explain acme -n finance`,
		RunE: func(c *cobra.Command, args []string) error {
			name, err := oneName(c, args)
			called.operation = explain{name}
			return err
		},
		ValidArgsFunction: completeOne(called),
	}
}

// selection is which sessions an operation is for.
type selection struct {
	names         []string
	all           bool
	allNamespaces bool
	selector      string
}

func (s *selection) flags(c *cobra.Command) {
	c.Flags().BoolVar(&s.all, "all", false, "all sessions of the namespace")
	c.Flags().BoolVarP(&s.allNamespaces, "all-namespaces", "A", false, "with --all or -l: of all namespaces")
	c.Flags().StringVarP(&s.selector, "selector", "l", "", "the sessions with these labels, such as team=ap")
}

// choose takes the names, and checks that it is clear which sessions are meant.
func (s *selection) choose(args []string) (err error) {
	if s.names, err = sessionNames(args); err != nil {
		return err
	}
	byLabel := s.all || s.selector != ""
	switch {
	case len(args) > 0 && byLabel:
		return errors.New("name sessions, or choose them with --all or --selector, but not both")
	case len(args) == 0 && !byLabel:
		return errors.New("which sessions? Name them, or choose them with --all or --selector")
	case len(args) > 0 && s.allNamespaces:
		return errors.New("names belong to one namespace: choose it with -n, or sessions of all with --all -A")
	}
	return checkSelector(s.selector)
}

func checkSelector(selector string) error {
	if _, err := labels.Parse(selector); err != nil {
		return fmt.Errorf("--selector: %w; write it such as team=ap", err)
	}
	return nil
}

func oneName(c *cobra.Command, args []string) (string, error) {
	names, err := sessionNames(args)
	switch {
	case err != nil:
		return "", err
	case len(names) != 1:
		return "", fmt.Errorf("name one session, such as: kubectl billing %s acme", c.Name())
	}
	return names[0], nil
}

// kinds are what kubectl calls sessions; a name may come after one and a slash, as
// "list -o name" prints it.
var kinds = []string{"billingsession.billing.xtracta.com", "billingsessions.billing.xtracta.com", "billingsession", "billingsessions", "bs"}

func sessionNames(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		kind, name, qualified := strings.Cut(arg, "/")
		switch {
		case !qualified:
			name = arg
		case !slices.Contains(kinds, strings.ToLower(kind)):
			return nil, fmt.Errorf("%q is not a billing session; give its name alone, or as bs/NAME", arg)
		}
		if name == "" {
			return nil, errors.New("a name is empty; give the name of a billing session")
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

func timeoutFlag(c *cobra.Command, into *time.Duration) {
	c.Flags().DurationVar(into, "timeout", time.Minute, "longest to wait, such as 30s or 2m")
}

func positive(timeout time.Duration) error {
	if timeout <= 0 {
		return errors.New("--timeout must be more than 0, such as 30s")
	}
	return nil
}
