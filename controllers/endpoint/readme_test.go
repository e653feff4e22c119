package endpoint

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeTellsTheOutcomes holds the table of README.md equal to outcomeOf.
func TestReadmeTellsTheOutcomes(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Outcomes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]Outcome{} // by the exact status, the hundreds of a range, or "any other"
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([A-Z][a-z]+) \|`).FindAllStringSubmatch(section, -1) {
		for statuses := range strings.SplitSeq(row[1], ", ") {
			rows[statuses] = Outcome(row[2])
		}
	}
	if len(rows) < 8 {
		t.Fatalf("the table has %d entries: %v", len(rows), rows)
	}
	for status := range 1001 {
		if status == 200 {
			continue
		}
		for _, retryAfter := range []bool{false, true} {
			candidates := []string{fmt.Sprint(status), fmt.Sprintf("%d00–%d99", status/100, status/100), "any other"}
			if retryAfter {
				candidates = append([]string{fmt.Sprintf("%d with Retry-After", status)}, candidates...)
			}
			for _, candidate := range candidates {
				want, ok := rows[candidate]
				if !ok {
					continue
				}
				if got := outcomeOf(status, retryAfter); got != want {
					t.Errorf("%d is %s, and README.md says %s", status, got, want)
				}
				break
			}
		}
	}
}
