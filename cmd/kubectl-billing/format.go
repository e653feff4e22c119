package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// format is how sessions are printed.
type format struct {
	flags     *genericclioptions.PrintFlags // kubectl's own
	noHeaders bool                          // for tables
	showURL   bool                          // keeps status.url
}

// Output formats that print a table.
const (
	asTable     = ""
	asWideTable = "wide"
)

func (f format) output() string { return *f.flags.OutputFormat }

func (f format) isTable() bool {
	return f.output() == asTable && *f.flags.TemplatePrinterFlags.TemplateArgument == "" || f.output() == asWideTable
}

func (f *format) addFlags(c *cobra.Command) {
	f.flags = genericclioptions.NewPrintFlags("")
	f.flags.AddFlags(c)
	c.Flags().Lookup("output").Usage += " Or wide, for a table with more columns."
	c.Flags().BoolVar(&f.noHeaders, "no-headers", false, "print tables without their headers")
	c.Flags().BoolVar(&f.showURL, "show-url", false, "include status.url in json, yaml and templates; treat it as a password")
}

// printer returns kubectl's printer, nil for a table.
func (f format) printer() (printers.ResourcePrinter, error) {
	if f.isTable() {
		return nil, nil
	}
	printer, err := f.flags.ToPrinter()
	switch {
	case genericclioptions.IsNoCompatiblePrinterError(err):
		return nil, fmt.Errorf("--output %q: use wide, json, yaml, name, jsonpath=TEMPLATE or go-template=TEMPLATE", f.output())
	case err != nil:
		return nil, fmt.Errorf("--output %q: %w", f.output(), err)
	}
	return printer, nil
}

// objectPrinter prints sessions as whole objects.
type objectPrinter struct {
	format
	env    *environment
	single bool // prints each session by itself instead of one list
	// Each version of an object needs a printer of its own: the one for YAML counts the
	// documents.
	whole, withoutURLs printers.ResourcePrinter
	noted              bool
}

func newObjectPrinter(env *environment, f format, single bool) (*objectPrinter, error) {
	whole, err := f.printer()
	if err != nil {
		return nil, err
	}
	withoutURLs, err := f.printer()
	return &objectPrinter{format: f, env: env, single: single, whole: whole, withoutURLs: withoutURLs}, err
}

// print writes sessions. It says once that URLs are left out, if the format would have
// printed one: a script that gets none must not take that for the truth.
func (p *objectPrinter) print(sessions *v1alpha1.BillingSessionList) error {
	text, err := p.text(p.whole, sessions)
	if err == nil && !p.showURL {
		whole := text
		text, err = p.text(p.withoutURLs, withoutURLs(sessions))
		if text != whole && !p.noted {
			p.env.note("status.url is left out; to include it, add --show-url.")
			p.noted = true
		}
	}
	if err != nil {
		return err
	}
	if p.env.terminal { // templates print values as they are
		text = escape(text)
	}
	_, err = io.WriteString(p.env.Out, text)
	return err
}

func (p *objectPrinter) text(printer printers.ResourcePrinter, sessions *v1alpha1.BillingSessionList) (string, error) {
	sessions.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind + "List"))
	var objects []runtime.Object
	for i := range sessions.Items {
		sessions.Items[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(v1alpha1.Kind))
		objects = append(objects, &sessions.Items[i])
	}
	if !p.single {
		objects = []runtime.Object{sessions}
	}
	var text strings.Builder
	for _, object := range objects {
		if err := printer.PrintObj(object, &text); err != nil {
			return "", fmt.Errorf("--output %q: %w", p.output(), err)
		}
	}
	return text.String(), nil
}

func withoutURLs(sessions *v1alpha1.BillingSessionList) *v1alpha1.BillingSessionList {
	sessions = sessions.DeepCopy()
	for i := range sessions.Items {
		sessions.Items[i].Status.URL = ""
	}
	return sessions
}
