package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

// writeNotes writes what the changelog says of the version. A release of which it says
// nothing would leave its users to guess.
func (r *release) writeNotes(context.Context) error {
	changelog, err := r.read("CHANGELOG.md")
	if err != nil {
		return err
	}
	notes, err := notesOf(string(changelog), r.version)
	if err != nil {
		return err
	}
	return r.write("RELEASE-NOTES.md", []byte(notes))
}

// notesOf returns the section of a version in a changelog.
func notesOf(changelog, version string) (string, error) {
	number := strings.TrimPrefix(version, "v")
	heading := regexp.MustCompile(`(?m)^## \[?v?` + regexp.QuoteMeta(number) + `\]?(?: .*)?\n`)
	at := heading.FindStringIndex(changelog)
	if at == nil {
		return "", fmt.Errorf("CHANGELOG.md has no section %q; rename the section \"Unreleased\"", "## "+number)
	}
	section := changelog[at[1]:]
	if next := regexp.MustCompile(`(?m)^(## |\[[^\]]+\]: )`).FindStringIndex(section); next != nil {
		section = section[:next[0]]
	}
	return strings.TrimSpace(section) + "\n", nil
}
