package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cli/browser"
)

// launchTimeout bounds how long open waits for the launcher. Most return at once, but some
// are the browser itself and run until the user closes it. A launcher that fails does so
// within this time.
const launchTimeout = 1500 * time.Millisecond

// maxChatter bounds how much of the launcher's output is repeated, in bytes.
const maxChatter = 64 << 10

// openInBrowser opens a URL in the user's browser. It returns the error of a launcher that
// fails within launchTimeout, and nil for one that is still running then.
func openInBrowser(url string, errOut io.Writer) error {
	output, err := os.CreateTemp("", "kubectl-billing-")
	if err != nil {
		output, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	}
	if err != nil {
		return err
	}
	defer func() {
		_ = output.Close()
		if output.Name() != os.DevNull {
			_ = os.Remove(output.Name())
		}
	}()
	// A file, not our own streams: a launcher that goes on running would hold them open, and
	// a script that reads them would wait for the browser to be closed.
	browser.Stdout, browser.Stderr = output, output
	err = launch(os.Getenv("BROWSER"), url, output, browser.OpenURL)
	chatter, _ := io.ReadAll(io.NewSectionReader(output, 0, maxChatter))
	// Launchers name the URL in their errors, and it must not reach a log.
	_, _ = fmt.Fprint(errOut, escape(strings.ReplaceAll(string(chatter), url, "(the URL)")))
	return err
}

// waitAtMost returns the error of work, or nil if work is not finished in time.
func waitAtMost(limit time.Duration, work func() error) error {
	finished := make(chan error, 1)
	go func() { finished <- work() }()
	select {
	case err := <-finished:
		return err
	case <-time.After(limit):
		return nil
	}
}
