package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

// writeNotes writes what the changelog says of the version. A release of which it says
// nothing would leave its users to guess.
func (r *release) writeNotes(context.Context) error {
	changelog, err := r.read("CHANGELOG.md")
	if err != nil {
		return err
	}
	if r.notes, err = notesOf(string(changelog), r.version); err != nil {
		return err
	}
	return r.write("RELEASE-NOTES.md", []byte(r.notes))
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

// change is an entry of the release notes, as Artifact Hub shows it.
type change struct {
	Kind        string `json:"kind"`
	Description string `json:"description"`
}

// noteLine matches the heading of a kind of change, or a change with all its lines.
var noteLine = regexp.MustCompile(`(?m)^### (\w+)$|^- (.+(?:\n  .+)*)`)

func changesOf(notes string) (changes []change) {
	kind := "changed"
	for _, found := range noteLine.FindAllStringSubmatch(notes, -1) {
		if found[1] != "" {
			kind = strings.ToLower(found[1])
			continue
		}
		changes = append(changes, change{kind, strings.Join(strings.Fields(found[2]), " ")})
	}
	return changes
}
