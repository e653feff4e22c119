package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
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

// take sets the names, and checks that names and flags do not contradict each other.
func (s *selection) take(args []string) (err error) {
	if s.names, err = sessionNames(args); err != nil {
		return err
	}
	byFlag := s.all || s.selector != ""
	switch {
	case len(args) > 0 && byFlag:
		return errors.New("name the sessions, or choose them with --all or --selector, but not both")
	case len(args) == 0 && !byFlag:
		return errors.New("which sessions? Name them, or choose them with --all or --selector")
	case len(args) > 0 && s.allNamespaces:
		return errors.New("a name belongs to one namespace: choose that with -n, or all sessions of all namespaces with --all -A")
	}
	return checkSelector(s.selector)
}

func checkSelector(selector string) error {
	if _, err := labels.Parse(selector); err != nil {
		return fmt.Errorf("--selector: %w; write it such as team=ap", err)
	}
	return nil
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
