package controllers

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityNamesTestsThatExist: a test that was renamed or deleted would leave a row of
// the threat model that nothing holds.
func TestSecurityNamesTestsThatExist(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../SECURITY.md")
	must(t, err)
	// `TestOne`, `TestTwo` (folder)
	lists := regexp.MustCompile("(`Test\\w+`(?:, )?)+ \\(([\\w/-]+)\\)").FindAllStringSubmatch(string(text), -1)
	name := regexp.MustCompile("`(Test\\w+)`")
	listed := 0
	for _, list := range lists {
		for _, test := range name.FindAllStringSubmatch(list[0], -1) {
			listed++
			if !hasTest(t, filepath.Join("..", list[2]), test[1]) {
				t.Errorf("%s is not in %s", test[1], list[2])
			}
		}
	}
	if named := len(name.FindAll(text, -1)); listed == 0 || listed != named {
		t.Errorf("%d tests are named with their folders, %d are named", listed, named)
	}
}

func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	must(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		must(t, err)
		if strings.Contains(string(source), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
