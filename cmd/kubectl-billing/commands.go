package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
)

func listCommand(parsed *invocation) *cobra.Command {
	var op list
	c := &cobra.Command{
		Use:     "list [NAME...]",
		Aliases: []string{"ls", "get"},
		Short:   "List sessions: whether they are ready, life left, next renewal, and why something fails",
		Long: `Lists sessions: whether they are ready, how long their URLs still work, when the
controller asks for the next ones, and why something fails.

No output format includes URLs unless you add --show-url.`,
		Example: `  kubectl billing list -n finance
  kubectl billing get acme -o yaml
  kubectl billing list -A --sort-by=expiry
  kubectl billing list -l team=ap -o wide --watch`,
		ValidArgsFunction: completeMany(parsed),
	}
	flags := c.Flags()
	flags.BoolVarP(&op.allNamespaces, "all-namespaces", "A", false, "list the sessions of all namespaces")
	flags.StringVarP(&op.selector, "selector", "l", "", "list the sessions with these labels, for example team=ap")
	flags.StringVar(&op.sortBy, "sort-by", byName, "name or expiry (the earliest first)")
	flags.BoolVarP(&op.watch, "watch", "w", false, "keep running and print changes until interrupted")
	op.format.addFlags(c)
	c.RunE = func(_ *cobra.Command, args []string) (err error) {
		op.names, err = sessionNames(args)
		parsed.operation = op
		return errors.Join(err, op.check())
	}
	return c
}

func openCommand(parsed *invocation) *cobra.Command {
	var op open
	c := &cobra.Command{
		Use:   "open NAME",
		Short: "Open a session's billing page in the browser",
		Long: `Opens a session's billing page in the browser, with the URL from the status or, where
that hides it, from the generated Secret. A URL that has expired is not opened.

The browser gets the URL on its command line, where other users of the same machine
may see it; on such a machine use --print.`,
		Example: `  kubectl billing open acme
  kubectl billing open acme --fresh
  kubectl billing open acme --print | xclip`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if c.Flags().Changed("timeout") && !op.fresh {
				return errors.New("--timeout limits how long --fresh waits; add --fresh or omit --timeout")
			}
			op.name, err = oneName(c, args)
			parsed.operation = op
			return errors.Join(err, checkTimeout(op.timeout))
		},
		ValidArgsFunction: completeOne(parsed),
	}
	c.Flags().BoolVar(&op.print, "print", false, "print the URL, and nothing else, instead of opening it")
	c.Flags().BoolVar(&op.fresh, "fresh", false, "first request a fresh URL and wait for it")
	addTimeoutFlag(c, &op.timeout)
	return c
}

func renewCommand(parsed *invocation) *cobra.Command {
	var op renew
	c := &cobra.Command{
		Use:   "renew NAME... | --all | -l SELECTOR",
		Short: "Request fresh URLs now",
		Long: `Requests fresh URLs from the controller, by the annotation
billing.xtracta.com/renew-requested-at. A request is finished when the endpoint grants
or rejects it. It stays pending while the endpoint is down or throttles, and while the
session is suspended. A URL that works is kept until a new one is granted.

With --wait the exit code tells the result.`,
		Example: `  kubectl billing renew acme --wait
  kubectl billing renew --all -n finance`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			if c.Flags().Changed("timeout") && !op.wait {
				return errors.New("--timeout limits how long --wait waits; add --wait or omit --timeout")
			}
			err = op.take(args)
			parsed.operation = op
			return errors.Join(err, checkTimeout(op.timeout))
		},
		ValidArgsFunction: completeMany(parsed),
	}
	op.addFlags(c)
	c.Flags().BoolVar(&op.wait, "wait", false, "wait until each request is finished")
	addTimeoutFlag(c, &op.timeout)
	return c
}

func suspendCommand(parsed *invocation) *cobra.Command {
	return suspensionCommand(parsed, suspend{on: true}, &cobra.Command{
		Use:   "suspend NAME... | --all | -l SELECTOR",
		Short: "Stop all requests for sessions; their URLs work until they expire",
		Long: `Stops all requests for sessions by setting spec.suspend. URLs that were issued work
until they expire. If Git declares spec.suspend, change it there: Flux and Argo CD set
it back.`,
		Example: `  kubectl billing suspend acme`,
	})
}

func resumeCommand(parsed *invocation) *cobra.Command {
	return suspensionCommand(parsed, suspend{on: false}, &cobra.Command{
		Use:   "resume NAME... | --all | -l SELECTOR",
		Short: "Resume suspended sessions",
		Long: `Resumes suspended sessions by removing spec.suspend. The controller then asks at once
for URLs that are missing or due. If Git declares spec.suspend, change it there: Flux
and Argo CD set it back.`,
		Example: `  kubectl billing resume acme`,
	})
}

// suspensionCommand completes a command that suspends or resumes.
func suspensionCommand(parsed *invocation, op suspend, c *cobra.Command) *cobra.Command {
	c.RunE = func(_ *cobra.Command, args []string) error {
		err := op.take(args)
		parsed.operation = op
		return err
	}
	c.ValidArgsFunction = completeMany(parsed)
	op.addFlags(c)
	return c
}

func explainCommand(parsed *invocation) *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME",
		Short: "Explain how a session stands, what comes next and what to do",
		Long: `Explains in sentences what the status of a session says: whether a URL works and until
when, what stands in the way and since when, what was tried last, what the controller
does next and when, and what you have to do. It reads nothing but the session, so it
shows the same to everybody who may read that. It changes nothing.

What happened in the last hour is told by: kubectl events --for billingsession/NAME`,
		Example: `  kubectl billing explain acme -n finance`,
		RunE: func(c *cobra.Command, args []string) error {
			name, err := oneName(c, args)
			parsed.operation = explain{name}
			return err
		},
		ValidArgsFunction: completeOne(parsed),
	}
}

func addTimeoutFlag(c *cobra.Command, timeout *time.Duration) {
	c.Flags().DurationVar(timeout, "timeout", time.Minute, "how long to wait at most, for example 30s or 2m")
}

func checkTimeout(timeout time.Duration) error {
	if timeout <= 0 {
		return errors.New("--timeout must be more than 0, for example 30s")
	}
	return nil
}
