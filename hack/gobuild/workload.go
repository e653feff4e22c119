package gobuild

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// workload is what a build has to compile: import paths, and about how much work each is.
// The size of the sources tells that far better than the number of packages.
type workload map[string]int64

// perPackage is the work that even an empty package makes, in bytes of source.
const perPackage = 10_000

// list returns what packages need and the build cache lacks.
func (c Command) list(ctx context.Context, packages ...string) (workload, error) {
	// A command that is not installed is called stale even where the build cache has it.
	const stalePackages = `{{if and .Stale (ne .StaleReason "not installed but available in build cache")}}` +
		`{{.ImportPath}}{{"\t"}}{{.Dir}}{{"\t"}}{{join .GoFiles "\t"}}{{end}}`
	output, err := c.run(ctx, nil, append([]string{"list", "-deps", "-f", stalePackages}, packages...)...)
	if err != nil {
		return nil, err
	}
	stale := workload{}
	for line := range strings.Lines(output) {
		if fields := strings.Split(strings.TrimSpace(line), "\t"); len(fields) > 2 {
			stale[fields[0]] = perPackage + sizeOf(fields[1], fields[2:])
		}
	}
	return stale, nil
}

// sizeOf is the size of files. The go command has named them by their paths if it has
// made them itself.
func sizeOf(dir string, files []string) (size int64) {
	for _, file := range files {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	return size
}

func (w workload) sum() (all int64) {
	for _, work := range w {
		all += work
	}
	return all
}
