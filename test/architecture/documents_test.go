package architecture_test

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// TestREADMETellsEveryReason holds its table to the reasons of the API. Nobody looks for a reason
// in two places. Recovered is the reason of an event and of no condition.
func TestREADMETellsEveryReason(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (?:True|False), (.+?) \|`).FindAllStringSubmatch(string(text), -1) {
		for _, reason := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			told[reason[1]] = true
		}
	}
	source, err := os.ReadFile("../../api/v1alpha1/conditions.go")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	for _, reason := range regexp.MustCompile(`\bReason\w+ = "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		declared[reason[1]] = true
	}
	delete(declared, "Recovered")
	if !maps.Equal(told, declared) {
		t.Errorf("README.md tells of %v, and the API has %v", slices.Sorted(maps.Keys(told)), slices.Sorted(maps.Keys(declared)))
	}
}

// links are the ways in which Markdown links: in the text, by a reference, by HTML.
var links = regexp.MustCompile(`(?m)\]\(<?([^)>\s]+)|^\[[^\]]+\]:\s+<?([^>\s]+)|\b(?:href|src)="([^"]+)"`)

// TestLinksHold follows each relative link of each document, and its anchor to the heading.
func TestLinksHold(t *testing.T) {
	tracked := trackedPaths(t)
	for document := range tracked {
		if !strings.HasSuffix(document, ".md") {
			continue
		}
		text, err := os.ReadFile(filepath.Join("../..", document))
		if err != nil {
			continue // deleted, and not committed yet
		}
		for _, found := range links.FindAllStringSubmatch(withoutCode(string(text)), -1) {
			link := found[1] + found[2] + found[3]
			target, err := url.Parse(link)
			if err != nil || target.IsAbs() {
				continue
			}
			path := document
			if target.Path != "" {
				path = filepath.Join(filepath.Dir(document), target.Path)
			}
			if problem := follow(tracked, path, target.Fragment); problem != "" {
				t.Errorf("%s links to %s: %s", document, link, problem)
			}
		}
	}
}

// TestLinksToThisRepositoryHold follows what alerts, charts, commands and documents name by its
// address on GitHub.
func TestLinksToThisRepositoryHold(t *testing.T) {
	tracked := trackedPaths(t)
	address := regexp.MustCompile(`https://github\.com/xtracta/billing-operator(?:/(?:blob|tree)/main/([\w./-]*[\w/-]))?(?:#([\w-]+))?`)
	for file := range tracked {
		info, err := os.Stat(filepath.Join("../..", file))
		if err != nil || info.IsDir() {
			continue
		}
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range address.FindAllSubmatch(text, -1) {
			path, fragment := string(found[1]), string(found[2])
			if path == "" && fragment != "" {
				path = "README.md"
			}
			if problem := follow(tracked, path, fragment); problem != "" && path != "" {
				t.Errorf("%s links to %s: %s", file, found[0], problem)
			}
		}
	}
}

// trackedPaths are the files of the repository and their folders. What only this machine has
// is not among them.
func trackedPaths(t *testing.T) map[string]bool {
	t.Helper()
	output, err := run("git", "ls-files", "--full-name", ":/")
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	watch(t, "../..")
	paths := map[string]bool{}
	for file := range strings.Lines(string(output)) {
		for path := strings.TrimSpace(file); !paths[path]; path = filepath.Dir(path) {
			paths[path] = true
		}
	}
	return paths
}

// follow says what is wrong with a link to a path of the repository, if anything is.
func follow(tracked map[string]bool, path, fragment string) (problem string) {
	path = filepath.Clean(path)
	switch {
	case !tracked[path]:
		return "git knows no such file"
	case fragment == "":
		return ""
	case tracked[filepath.Join(path, "README.md")]:
		path = filepath.Join(path, "README.md")
	}
	text, err := os.ReadFile(filepath.Join("../..", path))
	if err != nil {
		return err.Error()
	}
	if !anchors(string(text))[fragment] {
		return "there is no such heading"
	}
	return ""
}

var linkTarget = regexp.MustCompile(`\]\([^)]*\)`)

// anchors are those that GitHub gives to the headings of a document. It numbers those that
// are there already.
func anchors(text string) map[string]bool {
	found, times := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(withoutCode(text)) {
		heading := strings.TrimLeft(line, "#")
		if heading == line || !strings.HasPrefix(heading, " ") {
			continue
		}
		name := anchor(linkTarget.ReplaceAllString(heading, "]"))
		if n := times[name]; n > 0 {
			found[name+"-"+strconv.Itoa(n)] = true
		} else {
			found[name] = true
		}
		times[name]++
	}
	return found
}

func TestAnchors(t *testing.T) {
	const text = "# A list of `namespaces`\n```\n# no heading\n```\n## What's new?\n## [Link](to/it.md)\n#tag\n## Twice\n## Twice\n"
	want := map[string]bool{"a-list-of-namespaces": true, "whats-new": true, "link": true, "twice": true, "twice-1": true}
	if got := anchors(text); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
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
