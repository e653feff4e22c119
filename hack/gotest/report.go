package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// event is a line of "go test -json"; see "go doc test2json".
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // in seconds
}

// test is the output of a test so far, or of its package outside of tests.
type test struct {
	name   string
	result string // the line "--- FAIL: …"
	lines  []string
	passed bool // or skipped
}

// skip is a skipped test.
type skip struct{ pkg, test, reason string }

// slow is a test with the seconds that it took, those included in which it waited for others.
type slow struct {
	seconds   float64
	pkg, test string
}

const (
	// slowAfter is after how many seconds a test counts as slow.
	slowAfter = 10
	// mostSlow is how many slow tests are listed at most.
	mostSlow = 10
)

// report prints events as plain "go test" would, and collects the skipped and the slow tests.
type report struct {
	out     io.Writer
	running map[string][]*test // by package
	skipped []skip
	slow    []slow
}

func newReport(out io.Writer) *report { return &report{out: out, running: map[string][]*test{}} }

// read reports events until their end. What is not an event is printed as it is.
func (r *report) read(events io.Reader) error {
	for lines := bufio.NewReader(events); ; {
		line, err := lines.ReadString('\n')
		if line != "" {
			r.readLine(line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) readLine(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil {
		r.print(line)
		return
	}
	switch e.Action {
	case "build-output":
		r.print(e.Output)
	case "output":
		r.find(e.Package, e.Test).add(e.Output)
	case "pass", "fail", "skip":
		r.end(e)
	}
}

func (r *report) find(pkg, name string) *test {
	for _, t := range r.running[pkg] {
		if t.name == name {
			return t
		}
	}
	t := &test{name: name}
	r.running[pkg] = append(r.running[pkg], t)
	return t
}

// add drops the lines that only "go test -v" prints, and indents those of subtests, as
// events do not.
func (t *test) add(line string) {
	indent := strings.Repeat("    ", strings.Count(t.name, "/"))
	switch trimmed := strings.TrimLeft(line, " "); {
	case t.name != "" && strings.HasPrefix(trimmed, "=== "):
	case t.name != "" && strings.HasPrefix(trimmed, "--- "):
		t.result = indent + trimmed
	case strings.HasPrefix(line, "    "):
		t.lines = append(t.lines, indent+line)
	default:
		t.lines = append(t.lines, line)
	}
}

// end reports the end of a test, or of a package.
func (r *report) end(e event) {
	t := r.find(e.Package, e.Test)
	t.passed = e.Action != "fail"
	switch {
	case e.Test == "":
		r.endPackage(e.Package, t)
	case e.Action == "skip":
		r.skipped = append(r.skipped, skip{e.Package, e.Test, reason(t.lines)})
	case e.Elapsed >= slowAfter && !strings.Contains(e.Test, "/"):
		r.slow = append(r.slow, slow{e.Elapsed, e.Package, e.Test})
	}
}

// endPackage prints what plain go test prints of a package: the tests that did not pass,
// and its closing line.
func (r *report) endPackage(pkg string, whole *test) {
	defer delete(r.running, pkg)
	if whole.passed {
		for _, line := range whole.lines {
			if closing.MatchString(line) {
				r.print(line)
			}
		}
		return
	}
	for _, t := range r.running[pkg] {
		if t.name != "" && !t.passed {
			r.print(t.result + strings.Join(t.lines, ""))
		}
	}
	r.print(strings.Join(whole.lines, ""))
}

// closing matches the lines that go test prints of a package that passed.
var closing = regexp.MustCompile(`^(ok  |\?   )?\t|^coverage: `)

// position is where a test logged a line.
var position = regexp.MustCompile(`^\S+\.go:\d+: `)

// reason returns what a test logged before it was skipped.
func reason(lines []string) string {
	var trimmed []string
	for _, line := range lines {
		if text := position.ReplaceAllString(strings.TrimSpace(line), ""); text != "" {
			trimmed = append(trimmed, text)
		}
	}
	if len(trimmed) == 0 {
		return "no reason given"
	}
	return strings.Join(trimmed, "\n")
}

// printSlow lists the slowest tests.
func (r *report) printSlow() {
	if len(r.slow) == 0 {
		return
	}
	slices.SortStableFunc(r.slow, func(a, b slow) int { return cmp.Compare(b.seconds, a.seconds) })
	r.print("\nSlowest tests:\n\n")
	for _, s := range r.slow[:min(len(r.slow), mostSlow)] {
		r.print(fmt.Sprintf("  %5.1f s  %s %s\n", s.seconds, s.pkg, s.test))
	}
}

// printSkipped lists the skipped tests by their reasons.
func (r *report) printSkipped() {
	if len(r.skipped) == 0 {
		r.print("\nNo test was skipped.\n")
		return
	}
	r.print(fmt.Sprintf("\nSkipped tests: %d\n", len(r.skipped)))
	slices.SortStableFunc(r.skipped, func(a, b skip) int { return strings.Compare(a.reason, b.reason) })
	for i, s := range r.skipped {
		if i == 0 || s.reason != r.skipped[i-1].reason {
			r.print("\n  " + strings.ReplaceAll(s.reason, "\n", "\n  ") + "\n")
		}
		r.print("    " + s.pkg + " " + s.test + "\n")
	}
}

// mustNotSkip reports whether a test was skipped that is not optional.
func (r *report) mustNotSkip(optional *regexp.Regexp) bool {
	return slices.ContainsFunc(r.skipped, func(s skip) bool { return optional == nil || !optional.MatchString(s.test) })
}

func (r *report) print(text string) { _, _ = io.WriteString(r.out, text) }
