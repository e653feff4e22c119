package main

import (
	"slices"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// kubectl starts the completer with the line that the user has typed so far. Taken for a
// command, Tab behind "suspend acme" would suspend acme.
func TestACompleterNeverActs(t *testing.T) {
	line := []string{"suspend", "acme", ""}
	for _, row := range []struct {
		argv0     string
		completes bool
	}{
		{"kubectl_complete-billing", true},
		{"kubectl_complete-billing.exe", true},
		{`C:\Users\me\bin\kubectl_complete-billing.exe`, true},
		{`C:\Users\me\bin\KUBECTL_COMPLETE-BILLING.EXE`, true},
		{"kubectl_complete-billing.com", true},
		{"kubectl_complete-billing-v1.2", true},
		{"kubectl-billing", false},
		{"/opt/kubectl_complete-billing/kubectl-billing", false},
		{`C:\kubectl_complete-billing\kubectl-billing.exe`, false},
		{"KUBECTL-BILLING.EXE", false},
		{"", false},
	} {
		t.Run(row.argv0, func(t *testing.T) {
			args := arguments(append([]string{row.argv0}, line...))
			want := line
			if row.completes {
				want = append([]string{"__complete"}, line...)
			}
			if !slices.Equal(args, want) {
				t.Errorf("the arguments are %q, want %q", args, want)
			}
			parsed, err := parse(append([]string{"--kubeconfig=/dev/null", "--server=https://127.0.0.1:1"}, args...), genericiooptions.NewTestIOStreamsDiscard())
			if row.completes && parsed.operation != nil {
				t.Errorf("the completer would run %+v (%v)", parsed.operation, err)
			}
		})
	}
}

func TestValuesOfFlagsAreCompleted(t *testing.T) {
	for _, row := range []struct{ flag, want string }{
		{"-o", "wide\njson\nyaml\nname\n:4\n"},
		{"--sort-by", "name\nexpiry\n:4\n"},
	} {
		streams, _, out, _ := genericiooptions.NewTestIOStreams()
		if _, err := parse([]string{"__complete", "list", row.flag, ""}, streams); err != nil || out.String() != row.want {
			t.Errorf("Tab behind %s offers %q, %v", row.flag, out, err)
		}
	}
}
