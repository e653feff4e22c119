package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

func (r *release) writeNotes(context.Context) error {
	notes, err := r.notes()
	if err != nil {
		return err
	}
	return r.write("RELEASE-NOTES.md", []byte(notes))
}

// notes are what the changelog says of the version. A release of which it says nothing would leave
// its users to guess.
func (r *release) notes() (string, error) {
	changelog, err := r.read("CHANGELOG.md")
	if err != nil {
		return "", err
	}
	return notesOf(string(changelog), r.version)
}

// notesOf returns the section of a version in a changelog. That of a pre-release may still be
// called Unreleased.
func notesOf(changelog, version string) (string, error) {
	number := strings.TrimPrefix(version, "v")
	titles := []string{number}
	if semver.Prerelease(version) != "" {
		titles = append(titles, "Unreleased")
	}
	for _, title := range titles {
		heading := regexp.MustCompile(`(?m)^## \[?v?` + regexp.QuoteMeta(title) + `\]?(?: .*)?\n`)
		if at := heading.FindStringIndex(changelog); at != nil {
			section := changelog[at[1]:]
			if next := regexp.MustCompile(`(?m)^(## |\[[^\]]+\]: )`).FindStringIndex(section); next != nil {
				section = section[:next[0]]
			}
			return strings.TrimSpace(section) + "\n", nil
		}
	}
	return "", fmt.Errorf("CHANGELOG.md has no section %q; rename the section \"Unreleased\"", "## "+number)
}

// noteLine matches the heading of a kind of change, or a change with all its lines.
var noteLine = regexp.MustCompile(`(?m)^### (\w+)$|^- (.+(?:\n  .+)*)`)

// changesOf returns the entries of release notes, as Artifact Hub shows them.
func changesOf(notes string) (changes []map[string]string) {
	kind := "changed"
	for _, found := range noteLine.FindAllStringSubmatch(notes, -1) {
		if found[1] != "" {
			kind = strings.ToLower(found[1])
			continue
		}
		changes = append(changes, map[string]string{
			"kind": kind, "description": strings.Join(strings.Fields(found[2]), " "),
		})
	}
	return changes
}
