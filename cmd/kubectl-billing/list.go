package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// list prints sessions.
type list struct {
	allNamespaces bool
	selector      string
	output        string
	sortBy        string
	watch         bool
	showURL       bool
}

// Values of --sort-by.
const (
	byName   = "name"
	byExpiry = "expiry"
)

// Output formats that print a table.
const (
	asTable     = ""
	asWideTable = "wide"
)

func (l list) check() error {
	if l.sortBy != byName && l.sortBy != byExpiry {
		return fmt.Errorf("--sort-by %q: use %s or %s", l.sortBy, byName, byExpiry)
	}
	if _, err := l.printer(); err != nil {
		return fmt.Errorf("--output %q: %w", l.output, err)
	}
	return checkSelector(l.selector)
}

func (l list) isTable() bool { return l.output == asTable || l.output == asWideTable }

// printer returns kubectl's printer for the output format, nil for a table.
func (l list) printer() (printers.ResourcePrinter, error) {
	if l.isTable() {
		return nil, nil
	}
	flags := genericclioptions.NewPrintFlags("").WithTypeSetter(scheme)
	flags.OutputFormat = &l.output
	printer, err := flags.ToPrinter()
	if genericclioptions.IsNoCompatiblePrinterError(err) {
		return nil, fmt.Errorf("use wide, json, yaml, name, jsonpath=TEMPLATE or go-template=TEMPLATE")
	}
	return printer, err
}

func (l list) run(ctx context.Context, env *environment) error {
	c, err := env.connect()
	if err != nil {
		return err
	}
	within := scope{allNamespaces: l.allNamespaces, selector: l.selector}
	sessions, err := c.list(ctx, within)
	if err != nil {
		return err
	}
	show, err := l.printFunc(env)
	if err != nil {
		return err
	}
	if len(sessions.Items) == 0 && l.isTable() && !l.watch {
		env.note("No billing sessions found%s.", inNamespace(l.allNamespaces, c.namespace))
		return nil
	}
	slices.SortFunc(sessions.Items, l.order())
	if err := show(&sessions, watch.Added); err != nil || !l.watch {
		return err
	}
	return c.watch(ctx, within, sessions.ResourceVersion, func(session *v1alpha1.BillingSession, kind watch.EventType) (bool, error) {
		return false, show(&v1alpha1.BillingSessionList{Items: []v1alpha1.BillingSession{*session}}, kind)
	})
}

func (l list) order() func(a, b v1alpha1.BillingSession) int {
	if l.sortBy == byExpiry {
		return compareExpiry
	}
	return compareNames
}

func inNamespace(allNamespaces bool, namespace string) string {
	if allNamespaces {
		return ""
	}
	return " in namespace " + namespace
}

// printFunc prints sessions that a list or a watch event brought.
type printFunc func(*v1alpha1.BillingSessionList, watch.EventType) error

func (l list) printFunc(env *environment) (printFunc, error) {
	if l.isTable() {
		t := newTable(env.Out)
		t.wide, t.namespaces = l.output == asWideTable, l.allNamespaces
		t.colour = env.colour
		return func(sessions *v1alpha1.BillingSessionList, kind watch.EventType) error {
			for i := range sessions.Items {
				t.add(&sessions.Items[i], env.clock.Now(), kind == watch.Deleted)
			}
			return t.flush()
		}, nil
	}
	printer, err := l.printer()
	return func(sessions *v1alpha1.BillingSessionList, _ watch.EventType) error {
		var text bytes.Buffer
		for i := range sessions.Items {
			l.strip(&sessions.Items[i])
		}
		for _, object := range l.objects(sessions) {
			if err := printer.PrintObj(object, &text); err != nil {
				return fmt.Errorf("--output %q: %w", l.output, err)
			}
		}
		if env.terminal { // templates print values as they are
			_, err := io.WriteString(env.Out, escape(text.String()))
			return err
		}
		_, err := text.WriteTo(env.Out)
		return err
	}, err
}

// strip removes the URL unless --show-url asks for it, and managed fields as kubectl does.
func (l list) strip(session *v1alpha1.BillingSession) {
	session.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	session.ManagedFields = nil
	if !l.showURL {
		session.Status.URL = ""
	}
}

// objects returns what the printer prints: one list, or single sessions if a watch
// follows or the format has a line for each.
func (l list) objects(sessions *v1alpha1.BillingSessionList) []runtime.Object {
	if !l.watch && l.output != "name" {
		return []runtime.Object{sessions}
	}
	objects := make([]runtime.Object, len(sessions.Items))
	for i := range sessions.Items {
		objects[i] = &sessions.Items[i]
	}
	return objects
}
