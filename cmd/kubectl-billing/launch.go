package main

import (
	"os"
	"os/exec"
	"strings"
)

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

// launch opens a URL with the first of the user's browsers that can, and otherwise as the
// desktop does.
func launch(list, url string, output *os.File, desktop func(url string) error) error {
	for _, command := range browserCommands(list, url) {
		cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // a browser goes on when the plugin has ended
		cmd.Stdout, cmd.Stderr = output, output
		if waitAtMost(launchTimeout, cmd.Run) == nil {
			return nil
		}
	}
	return waitAtMost(launchTimeout, func() error { return desktop(url) })
}
