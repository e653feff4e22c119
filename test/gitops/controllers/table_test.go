package controllers

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
)

// rows are what Flux said in each situation.
var rows struct {
	sync.Mutex
	lines []string
}

// say adds a row to the table.
func (s *stage) say(situation string, v verdict, seen string) {
	s.t.Helper()
	s.t.Logf("%s: %s; %s", situation, v, seen)
	message := strings.Join(strings.Fields(v.Message), " ")
	rows.Lock()
	defer rows.Unlock()
	rows.lines = append(rows.lines, fmt.Sprintf("| %s | %s | %.1f | %s | %s |",
		situation, v.Reason, v.Took.Seconds(), strings.ReplaceAll(message, "|", "\\|"), seen))
}

func writeTable(path string) error {
	if path == "" {
		return nil
	}
	rows.Lock()
	defer rows.Unlock()
	slices.Sort(rows.lines)
	head := "| situation | Flux's reason | seconds | Flux's message | seen |\n|---|---|---|---|---|\n"
	return os.WriteFile(path, []byte(head+strings.Join(rows.lines, "\n")+"\n"), 0o644)
}
