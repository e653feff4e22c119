package main

import (
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// A script that gets no URL must not take that for the truth, and one that asked for none
// must not be bothered.
func TestLeavingOutURLsIsSaidOnce(t *testing.T) {
	hasURL := func(s *v1alpha1.BillingSession) { s.Status.URL = "https://billing.example.com/" }
	list := &v1alpha1.BillingSessionList{Items: []v1alpha1.BillingSession{*session("acme", hasURL), *session("beta", hasURL)}}
	gone := &v1alpha1.BillingSessionList{Items: []v1alpha1.BillingSession{*session("gone")}}
	as := func(output string) format { return format{flags: printFlags(output, "")} }
	const note = "status.url is left out; to include it, add --show-url.\n"
	for _, row := range []struct {
		format format
		list   *v1alpha1.BillingSessionList
		says   string
	}{
		{as("json"), list, note},
		{as("yaml"), list, note},
		{as("kyaml"), list, note},
		{as("jsonpath={.items[*].status}"), list, note},
		{as("go-template={{range .items}}{{.status.url}}{{end}}"), list, note},
		{format{flags: printFlags("", "{{range .items}}{{.status.url}}{{end}}")}, list, note},
		{format{flags: printFlags("json", ""), showURL: true}, list, ""},
		{as("json"), gone, ""}, // it has none
		{as("jsonpath={.items[*].metadata.name}"), list, ""},
	} {
		streams, _, _, errOut := genericiooptions.NewTestIOStreams()
		printer, err := newObjectPrinter(&environment{IOStreams: streams}, row.format, false)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := printer.print(row.list); err != nil {
				t.Errorf("%q: %v", row.format.output(), err)
			}
		}
		if errOut.String() != row.says {
			t.Errorf("%q: says %q, want %q", row.format.output(), errOut, row.says)
		}
	}
}
