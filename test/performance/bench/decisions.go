package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strings"

	"golang.org/x/tools/benchmark/parse"
)

// benchmarked are the packages whose Go benchmarks run.
var benchmarked = []string{
	"./controllers", "./controllers/dispatch", "./controllers/endpoint", "./controllers/renewal", "./controllers/secret", "./controllers/status",
}

// decisions runs the Go benchmarks of what one decision, one turn and one pass cost.
func (b *bench) decisions(ctx context.Context) error {
	b.sayf("Run the Go benchmarks")
	args := append([]string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "300ms"}, benchmarked...)
	cmd := exec.CommandContext(ctx, "go", args...)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("go test -bench: %w\n%s", err, said)
	}
	found, err := parse.ParseSet(bytes.NewReader(said))
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(found) {
		for _, result := range found[name] {
			words := wordsOf.Replace(processors.ReplaceAllString(strings.TrimPrefix(name, "Benchmark"), ""))
			b.note(words, 0, result.NsPerOp/1000, "µs")
			b.note(words+", allocations", 0, float64(result.AllocsPerOp), "")
		}
	}
	return nil
}

// wordsOf undoes what Go does to the names of benchmarks.
var wordsOf = strings.NewReplacer("/", ", ", "_", " ")

// processors is what Go adds to a benchmark's name.
var processors = regexp.MustCompile(`-\d+$`)
