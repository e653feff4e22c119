package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func listCommand(parsed *invocation) *cobra.Command {
	var op list
	c := &cobra.Command{
		Use:     "list [NAME...]",
		Aliases: []string{"ls", "get"},
		Short:   "List sessions: whether they are ready, life left, next renewal, and why something fails",
		Long: `Lists sessions: whether they are ready, how long their URLs still work, when the
operator asks for the next ones, and why something fails.

No output format includes URLs unless you add --show-url.`,
		Example: `  kubectl billing list -n finance
  kubectl billing get acme -o yaml
  kubectl billing list -A --sort-by=expiry
  kubectl billing list -l team=ap -o wide --watch`,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			op.names, err = sessionNames(args)
			parsed.operation = op
			return errors.Join(err, op.check())
		},
		ValidArgsFunction: completeMany(parsed),
	}
	flags := c.Flags()
	flags.BoolVarP(&op.allNamespaces, "all-namespaces", "A", false, "list the sessions of all namespaces")
	flags.StringVarP(&op.selector, "selector", "l", "", "list the sessions with these labels, for example team=ap")
	flags.StringVar(&op.sortBy, "sort-by", byName, "name or expiry (the earliest first)")
	flags.BoolVarP(&op.watch, "watch", "w", false, "keep running and print changes until interrupted")
	op.format.addFlags(c)
	return c
}

// list prints sessions.
type list struct {
	format
	selection
	sortBy string
	watch  bool
}

// Values of --sort-by.
const (
	byName   = "name"
	byExpiry = "expiry"
)

func (l list) check() error {
	switch {
	case l.sortBy != byName && l.sortBy != byExpiry:
		return fmt.Errorf("--sort-by %q: use %s or %s", l.sortBy, byName, byExpiry)
	case len(l.names) > 1 && l.watch:
		return errors.New("--watch takes one name at most; to watch some sessions, choose them with --selector")
	}
	_, err := l.printer()
	return errors.Join(err, l.selection.check())
}

func (l list) run(ctx context.Context, env *environment) error {
	// As in kubectl, those that exist are printed even if others that are named do not.
	found, missing, err := env.find(ctx, l.selection)
	if err != nil || missing != nil && len(found.Items) == 0 {
		return errors.Join(missing, err)
	}
	if len(found.Items) == 0 && l.isTable() && !l.watch {
		env.noteNone(l.selection)
		return nil
	}
	show, err := l.printFunc(env)
	if err != nil {
		return err
	}
	order := compareNames
	if l.sortBy == byExpiry {
		order = compareExpiry
	}
	slices.SortFunc(found.Items, order)
	if err := show(&found, watch.Added); err != nil || !l.watch {
		return errors.Join(err, missing)
	}
	return env.watch(ctx, l.selection, found.ResourceVersion, func(session *v1alpha1.BillingSession, kind watch.EventType) error {
		return show(&v1alpha1.BillingSessionList{Items: []v1alpha1.BillingSession{*session}}, kind)
	})
}

// printFunc prints sessions that a list or a watch event brought.
type printFunc func(*v1alpha1.BillingSessionList, watch.EventType) error

func (l list) printFunc(env *environment) (printFunc, error) {
	if l.isTable() {
		t := newTable(env.Out, printers.PrintOptions{
			Wide: l.output() == asWideTable, WithNamespace: l.allNamespaces, NoHeaders: l.noHeaders,
		})
		return func(sessions *v1alpha1.BillingSessionList, kind watch.EventType) error {
			return t.print(sessions.Items, env.now(), kind == watch.Deleted)
		}, nil
	}
	// A list has one object for all, but for a watch, a name, or a format with a line for each.
	p, err := newObjectPrinter(env, l.format, l.watch || len(l.names) == 1 || l.output() == "name")
	return func(sessions *v1alpha1.BillingSessionList, _ watch.EventType) error { return p.print(sessions) }, err
}
