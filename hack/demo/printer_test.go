package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// printAll prints each kind of line once.
func printAll() string {
	var out bytes.Buffer
	p := newPrinter(&out, false)
	p.elapsed = func() time.Duration { return 12*time.Second + 340*time.Millisecond }
	p.text("Hello.")
	p.title("1. A title")
	p.actionf("Apply %s", "a file")
	p.notef("It declares two things.")
	p.waitingf("Due in %s.", seconds(time.Second))
	p.successf("It is ready.")
	p.block("NAME\nacme\n")
	_, _ = p.Write([]byte("  1 module fetched\n  2 modules fetched\n"))
	p.failure(&logTailError{error: errors.New("not within 30 seconds"), path: "a.log", lines: []string{"one", "two"}})
	return out.String()
}

func TestPrinterAlignsText(t *testing.T) {
	want := `Hello.

1. A title
   12.3s → Apply a file
           It declares two things.
   12.3s … Due in 1 second.
   12.3s ✓ It is ready.

           NAME
           acme

   12.3s … 1 module fetched
   12.3s … 2 modules fetched

   12.3s ✗ Not within 30 seconds.

The end of the operator's log, a.log:

  one
  two
`
	if diff := cmp.Diff(want, printAll()); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
}
