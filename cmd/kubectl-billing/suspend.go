package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

func suspendCommand(parsed *invocation) *cobra.Command {
	return suspensionCommand(parsed, suspend{on: true, patch: `{"spec":{"suspend":true}}`, done: "suspended"}, &cobra.Command{
		Use:   "suspend NAME... | --all | -l SELECTOR",
		Short: "Stop all requests for sessions; their URLs work until they expire",
		Long: `Stops all requests for sessions by setting spec.suspend. URLs that were issued work
until they expire. If Git declares spec.suspend, change it there: Flux and Argo CD set
it back.`,
		Example: `  kubectl billing suspend acme`,
	})
}

func resumeCommand(parsed *invocation) *cobra.Command {
	return suspensionCommand(parsed, suspend{on: false, patch: `{"spec":{"suspend":null}}`, done: "resumed"}, &cobra.Command{
		Use:   "resume NAME... | --all | -l SELECTOR",
		Short: "Resume suspended sessions",
		Long: `Resumes suspended sessions by removing spec.suspend. The operator then asks at once
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

// suspend stops the requests of sessions, or resumes them if on is false.
type suspend struct {
	selection
	on    bool
	patch string
	done  string // what a session is then
}

func (s suspend) run(ctx context.Context, env *environment) error {
	sessions, err := env.selected(ctx, s.selection)
	if err != nil {
		return err
	}
	var errs []error
	for i := range sessions {
		session := &sessions[i]
		if session.Spec.Suspend == s.on {
			env.print("%s %s already", reference(session), s.done)
			continue
		}
		if _, err := env.patch(ctx, session, s.patch); err != nil {
			errs = append(errs, err)
			continue
		}
		env.print("%s %s", reference(session), s.done)
		warnIfGitDeclares(env, session, "spec", "suspend")
	}
	return errors.Join(errs...)
}
