package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// renew asks for fresh URLs.
type renew struct {
	selection
	wait    bool
	timeout time.Duration
}

func (r renew) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	sessions, err := c.selected(ctx, r.selection)
	if err != nil {
		return err
	}
	if len(sessions) == 0 {
		env.note("No billing sessions found%s.", place(r.allNamespaces, c.namespace))
		return nil
	}
	asked, err := request(ctx, env, c, sessions)
	if !r.wait {
		r.tell(env, c, asked)
		return err
	}
	within := scope{allNamespaces: r.allNamespaces, selector: r.selector}
	if len(r.names) == 1 {
		within = scope{name: r.names[0]}
	}
	v := newVigil(env, c, asked)
	v.answered = func(session *v1alpha1.BillingSession, fresh bool) {
		what := "renewed; its URL works for %s"
		if !fresh {
			what = "keeps its URL, as the endpoint gave none that works longer; it works for %s"
		}
		env.say("%s "+what, reference(session), life(session, env.clock.Now()))
	}
	return errors.Join(err, v.keep(ctx, within, r.timeout))
}

// tell says that the requests were made, and which of them will rest.
func (r renew) tell(env *environment, c *cluster, asked []*v1alpha1.BillingSession) {
	for _, session := range asked {
		env.say("%s renewal requested", reference(session))
		if session.Spec.Suspend {
			env.warn("%s is suspended, so the request waits until you run: %s", session.Name, c.advise("resume %s", session.Name))
		}
	}
}

// request puts a new token on each session, and returns those on which that
// worked, as they are then. The customary token is the time.
func request(ctx context.Context, env *environment, c *cluster, sessions []*v1alpha1.BillingSession) ([]*v1alpha1.BillingSession, error) {
	var (
		asked []*v1alpha1.BillingSession
		errs  []error
	)
	token := env.clock.Now().UTC().Format(time.RFC3339Nano)
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationRenewRequestedAt, token)
	for _, session := range sessions {
		changed, err := c.patch(ctx, session, patch)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		asked = append(asked, changed)
	}
	return asked, errors.Join(errs...)
}
