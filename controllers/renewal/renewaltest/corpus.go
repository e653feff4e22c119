package renewaltest

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

var seed = regexp.MustCompile(`\[\]byte\((".*")\)`)

// Corpus is the committed corpus of the decision's fuzz target, by the names of its files:
// rule and step of the decision that each leads to.
func Corpus(t testing.TB) map[string][]byte {
	t.Helper()
	// Tests run in the folder of their package, and all that ask for it are beside renewal.
	files, err := filepath.Glob(filepath.Join("..", "renewal", "testdata", "fuzz", "FuzzDecide", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there is no corpus: %v", err)
	}
	corpus := map[string][]byte{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		match := seed.FindSubmatch(text)
		if match == nil {
			t.Fatalf("%s is no seed", file)
		}
		data, err := strconv.Unquote(string(match[1]))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		corpus[filepath.Base(file)] = []byte(data)
	}
	return corpus
}
