package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
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
	// A file, not our own streams: a launcher that goes on running would hold them open, and
	// a script that reads them would wait for the browser to be closed.
	output, err := os.CreateTemp("", "kubectl-billing-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(output.Name()) }()
	browser.Stdout, browser.Stderr = output, output
	err = launch(os.Getenv("BROWSER"), url, output, browser.OpenURL)
	chatter, _ := io.ReadAll(io.NewSectionReader(output, 0, maxChatter))
	if errors.Is(err, errRuns) {
		err = nil
	} else {
		_ = output.Close() // Windows removes no file that is open
	}
	// Launchers name the URL in their errors, and it must not reach a log.
	_, _ = fmt.Fprint(errOut, escape(strings.ReplaceAll(string(chatter), url, "(the URL)")))
	return err
}

// errRuns: a launcher is still running, and may not have got its output yet.
var errRuns = errors.New("still running")

// launch opens a URL with the first of the user's browsers that can, and otherwise as the
// desktop does. It returns errRuns if that is still running after launchTimeout.
func launch(list, url string, output *os.File, desktop func(url string) error) error {
	for _, command := range browserCommands(list, url) {
		cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // a browser goes on when the plugin has ended
		cmd.Stdout, cmd.Stderr = output, output
		if err := waitAtMost(launchTimeout, cmd.Run); err == nil || errors.Is(err, errRuns) {
			return err
		}
	}
	return waitAtMost(launchTimeout, func() error { return desktop(url) })
}

// browserCommands returns the commands that the environment variable BROWSER names, in
// order, each with the URL in its place: a list of commands, in which %s is the URL and %%
// a percent sign. Without %s the URL is the last argument. No shell reads them.
func browserCommands(list, url string) [][]string {
	var commands [][]string
	for _, entry := range strings.Split(list, string(os.PathListSeparator)) {
		words := strings.Fields(entry)
		if _, err := exec.LookPath(strings.TrimSpace(entry)); err == nil {
			words = []string{strings.TrimSpace(entry)} // the path of a program may have spaces
		}
		if len(words) > 0 && words[len(words)-1] == "&" {
			words = words[:len(words)-1] // in the background, as all are
		}
		if len(words) == 0 {
			continue
		}
		if !strings.Contains(strings.ReplaceAll(entry, "%%", ""), "%s") {
			words = append(words, "%s")
		}
		for i, word := range words {
			word = strings.Trim(word, `"'`)
			words[i] = strings.NewReplacer("%%", "%", "%s", url).Replace(word)
		}
		commands = append(commands, words)
	}
	return commands
}

// waitAtMost returns the error of work, or errRuns if work is not finished in time.
func waitAtMost(limit time.Duration, work func() error) error {
	finished := make(chan error, 1)
	go func() { finished <- work() }()
	select {
	case err := <-finished:
		return err
	case <-time.After(limit):
		return errRuns
	}
}
