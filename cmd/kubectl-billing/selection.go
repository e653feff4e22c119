package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// selection chooses the sessions that an operation works on: those with the names or, without
// any, all of the namespace or of all namespaces, if there is a selector those that fit.
type selection struct {
	names         []string
	all           bool
	allNamespaces bool
	selector      string
}

func (s *selection) addFlags(c *cobra.Command) {
	c.Flags().BoolVar(&s.all, "all", false, "all sessions of the namespace")
	c.Flags().BoolVarP(&s.allNamespaces, "all-namespaces", "A", false, "with --all or -l: of all namespaces")
	c.Flags().StringVarP(&s.selector, "selector", "l", "", "the sessions with these labels, for example team=ap")
}

// take sets the names, and checks that names or flags choose some sessions.
func (s *selection) take(args []string) (err error) {
	s.names, err = sessionNames(args)
	if err == nil && len(args) == 0 && !s.all && s.selector == "" {
		err = errors.New("which sessions? Name them, or choose them with --all or --selector")
	}
	return errors.Join(err, s.check())
}

// check checks that names and flags do not contradict each other.
func (s *selection) check() error {
	switch {
	case len(s.names) > 0 && s.all:
		return errors.New("name the sessions, or choose them with --all, but not both")
	case len(s.names) > 0 && s.selector != "":
		return errors.New("name the sessions, or choose them with --selector, but not both")
	case len(s.names) > 0 && s.allNamespaces:
		return errors.New("a name belongs to one namespace: choose that with -n, or omit the name")
	}
	if _, err := labels.Parse(s.selector); err != nil {
		return fmt.Errorf("--selector: %w; write it such as team=ap", err)
	}
	return nil
}

// selected returns the sessions of a selection, and notes if there are none. If one of them
// is missing it returns an error, so that nothing is done by halves.
func (e *environment) selected(ctx context.Context, s selection) ([]v1alpha1.BillingSession, error) {
	found, missing, err := e.find(ctx, s)
	if err = errors.Join(missing, err); err != nil && len(s.names) > 1 {
		err = errors.Join(err, errors.New("nothing was done for the others either"))
	}
	if err == nil && len(found.Items) == 0 {
		e.noteNone(s)
	}
	return found.Items, err
}

func (e *environment) noteNone(s selection) {
	if s.allNamespaces {
		e.note("No billing sessions found.")
	} else {
		e.note("No billing sessions found in namespace %s.", e.namespace)
	}
}

// oneName returns the only name among the arguments.
func oneName(c *cobra.Command, args []string) (string, error) {
	names, err := sessionNames(args)
	switch {
	case err != nil:
		return "", err
	case len(names) != 1:
		return "", fmt.Errorf("name one session, for example: kubectl billing %s acme", c.Name())
	}
	return names[0], nil
}

// kinds are kubectl's names for billing sessions. One of them and a slash may precede
// a name, as in the output of "list -o name".
var kinds = []string{"billingsession.billing.xtracta.com", "billingsessions.billing.xtracta.com", "billingsession", "billingsessions", "bsess", "bs"}

// sessionNames returns the names without their kinds, each once.
func sessionNames(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		kind, name, qualified := strings.Cut(arg, "/")
		switch {
		case !qualified:
			name = arg
		case !slices.Contains(kinds, strings.ToLower(kind)):
			return nil, fmt.Errorf("%q is not a billing session; give its name alone, or as bsess/NAME", arg)
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

// reference formats a session as "list -o name" prints it.
func reference(session *v1alpha1.BillingSession) string { return kinds[0] + "/" + session.Name }
