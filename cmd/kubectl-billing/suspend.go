package main

import (
	"context"
	"errors"
)

// suspend stops the requests of sessions, or resumes them if on is false.
type suspend struct {
	selection
	on bool
}

func (s suspend) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	sessions, err := c.selected(ctx, env, s.selection)
	if err != nil {
		return err
	}
	var errs []error
	for _, session := range sessions {
		if session.Spec.Suspend == s.on {
			env.print("%s %s already", reference(session), s.participle())
			continue
		}
		if _, err := c.patch(ctx, session, s.patch()); err != nil {
			errs = append(errs, err)
			continue
		}
		env.print("%s %s", reference(session), s.participle())
		warnIfGitDeclares(env, session, "suspend")
	}
	return errors.Join(errs...)
}

func (s suspend) participle() string {
	if s.on {
		return "suspended"
	}
	return "resumed"
}

func (s suspend) patch() string {
	if s.on {
		return `{"spec":{"suspend":true}}`
	}
	return `{"spec":{"suspend":null}}`
}
