package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

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
	case len(l.names) > 0 && l.selector != "":
		return errors.New("name the sessions, or choose them with --selector, but not both")
	case len(l.names) > 0 && l.allNamespaces:
		return errors.New("a name belongs to one namespace: choose that with -n, or omit the name")
	case len(l.names) > 1 && l.watch:
		return errors.New("--watch takes one name at most; to watch some sessions, choose them with --selector")
	}
	if _, err := l.printer(); err != nil {
		return err
	}
	return checkSelector(l.selector)
}

func (l list) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	sessions, missing := l.find(ctx, c)
	if missing != nil && len(sessions.Items) == 0 {
		return missing
	}
	show, err := l.printFunc(env)
	if err != nil {
		return err
	}
	if len(sessions.Items) == 0 && l.isTable() && !l.watch {
		c.noteNone(env, l.selection)
		return nil
	}
	slices.SortFunc(sessions.Items, l.order())
	if err := show(&sessions, watch.Added); err != nil || !l.watch {
		return errors.Join(err, missing)
	}
	return c.watch(ctx, l.selection, sessions.ResourceVersion, func(session *v1alpha1.BillingSession, kind watch.EventType) error {
		return show(&v1alpha1.BillingSessionList{Items: []v1alpha1.BillingSession{*session}}, kind)
	})
}

// find returns the sessions, with an error about the named ones that do not exist. As in
// kubectl, the others are printed all the same.
func (l list) find(ctx context.Context, c *cluster) (v1alpha1.BillingSessionList, error) {
	if len(l.names) == 0 {
		return c.list(ctx, l.selection)
	}
	var (
		sessions v1alpha1.BillingSessionList
		errs     []error
	)
	for _, name := range l.names {
		session, err := c.session(ctx, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		sessions.Items = append(sessions.Items, *session)
	}
	if len(sessions.Items) == 1 {
		sessions.ResourceVersion = sessions.Items[0].ResourceVersion // a watch continues there
	}
	return sessions, errors.Join(errs...)
}

func (l list) order() func(a, b v1alpha1.BillingSession) int {
	if l.sortBy == byExpiry {
		return compareExpiry
	}
	return compareNames
}

// printFunc prints sessions that a list or a watch event brought.
type printFunc func(*v1alpha1.BillingSessionList, watch.EventType) error

func (l list) printFunc(env *environment) (printFunc, error) {
	if l.isTable() {
		t := newTable(env.Out, printers.PrintOptions{
			Wide: l.output() == asWideTable, WithNamespace: l.allNamespaces, NoHeaders: l.noHeaders,
		})
		return func(sessions *v1alpha1.BillingSessionList, kind watch.EventType) error {
			return t.print(sessions.Items, env.clock.Now(), kind == watch.Deleted)
		}, nil
	}
	p, err := newObjectPrinter(env, l.format)
	return func(sessions *v1alpha1.BillingSessionList, _ watch.EventType) error {
		for _, object := range l.objects(sessions) {
			if err := p.print(object); err != nil {
				return err
			}
		}
		return nil
	}, err
}

// objects returns what the printer prints: one list, or single sessions if one is named, if
// a watch follows, or if the format has a line for each.
func (l list) objects(sessions *v1alpha1.BillingSessionList) []runtime.Object {
	sessions.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind + "List"))
	for i := range sessions.Items {
		sessions.Items[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
	}
	if !l.watch && l.output() != "name" && len(l.names) != 1 {
		return []runtime.Object{sessions}
	}
	objects := make([]runtime.Object, len(sessions.Items))
	for i := range sessions.Items {
		objects[i] = &sessions.Items[i]
	}
	return objects
}
