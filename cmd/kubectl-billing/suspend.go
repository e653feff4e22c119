package main

import (
	"context"
	"errors"
)

// suspend stops the requests of sessions, or lets them go on.
type suspend struct {
	selection
	on bool
}

func (s suspend) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	sessions, err := c.selected(ctx, s.selection)
	if err != nil {
		return err
	}
	if len(sessions) == 0 {
		env.note("No billing sessions found%s.", place(s.allNamespaces, c.namespace))
	}
	var errs []error
	for _, session := range sessions {
		if session.Spec.Suspend == s.on {
			env.say("%s %s already", reference(session), s.done())
			continue
		}
		if _, err := c.patch(ctx, session, s.patch()); err != nil {
			errs = append(errs, err)
			continue
		}
		env.say("%s %s", reference(session), s.done())
	}
	return errors.Join(errs...)
}

func (s suspend) done() string {
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
