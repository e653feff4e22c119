package architecture_test

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// maxREADME keeps the first document one that is read to its end.
const maxREADME = 10 << 10

func TestREADMEIsShort(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > maxREADME {
		t.Errorf("README.md has %d bytes, at most %d are read; move what few people need beside what it describes", len(text), maxREADME)
	}
}

// TestLinksHold follows each relative link of each document, and its anchor to the heading.
func TestLinksHold(t *testing.T) {
	documents, err := run("git", "ls-files", "--full-name", ":/*.md")
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	watch(t, "../..")
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for document := range strings.Lines(string(documents)) {
		document = strings.TrimSpace(document)
		text, err := os.ReadFile(filepath.Join("../..", document))
		if err != nil {
			continue // deleted, and not committed yet
		}
		for _, found := range link.FindAllStringSubmatch(withoutCode(string(text)), -1) {
			target, err := url.Parse(found[1])
			if err != nil || target.IsAbs() {
				continue
			}
			if problem := follow(document, target); problem != "" {
				t.Errorf("%s links to %s: %s", document, found[1], problem)
			}
		}
	}
}

// follow says what is wrong with a relative link, if anything is.
func follow(document string, target *url.URL) (problem string) {
	path := filepath.Join("../..", document)
	if target.Path != "" {
		path = filepath.Join(filepath.Dir(path), target.Path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "there is no such file"
	case target.Fragment == "":
		return ""
	case info.IsDir():
		path = filepath.Join(path, "README.md")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	for line := range strings.Lines(withoutCode(string(text))) {
		if heading := strings.TrimLeft(line, "#"); heading != line && anchor(heading) == target.Fragment {
			return ""
		}
	}
	return "there is no such heading"
}

// anchor is GitHub's for a heading: small letters, hyphens for spaces, no punctuation.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(heading))
}

// withoutCode leaves out fenced blocks: what looks like a link or a heading there is none.
func withoutCode(text string) string {
	parts := strings.Split("\n"+text, "\n```")
	var prose strings.Builder
	for i := 0; i < len(parts); i += 2 {
		prose.WriteString(parts[i])
	}
	return prose.String()
}
