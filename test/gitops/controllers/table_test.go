package controllers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// rows are what each tool said in each situation.
var rows struct {
	sync.Mutex
	flux, argoCD []string
}

// say adds a row to Flux's table.
func (s *stage) say(situation string, v verdict, seen string) {
	s.t.Helper()
	s.t.Logf("%s: %s; %s", situation, v, seen)
	rows.Lock()
	defer rows.Unlock()
	rows.flux = append(rows.flux, row(situation, v.Reason, v.Took.Seconds(), v.Message, seen))
}

// sayArgoCD adds a row to Argo CD's table.
func (s *stage) sayArgoCD(situation string, v appVerdict, seen string) {
	s.t.Helper()
	s.t.Logf("%s: %s; %s", situation, v, seen)
	rows.Lock()
	defer rows.Unlock()
	rows.argoCD = append(rows.argoCD, row(situation, v.Phase+", "+v.Sync+", "+v.Health, v.Took.Seconds(), v.Message, seen))
}

// temporary is a file of Argo CD's, whose name is another one each time.
var temporary = regexp.MustCompile(`"/[a-z/]+/[0-9]+"`)

func row(situation, said string, seconds float64, message, seen string) string {
	message = temporary.ReplaceAllString(message, "a file")
	message = strings.ReplaceAll(strings.Join(strings.Fields(message), " "), "|", "\\|")
	return fmt.Sprintf("| %s | %s | %.1f | %s | %s |", situation, said, seconds, message, seen)
}

func writeTables(folder string) error {
	if folder == "" {
		return nil
	}
	rows.Lock()
	defer rows.Unlock()
	return errors.Join(writeTable(filepath.Join(folder, "flux.md"), rows.flux), writeTable(filepath.Join(folder, "argocd.md"), rows.argoCD))
}

func writeTable(path string, lines []string) error {
	slices.Sort(lines)
	const head = "| situation | says | seconds | message | seen |\n|---|---|---|---|---|\n"
	return os.WriteFile(path, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644)
}
