// Command version keeps the operator's version equal wherever it is written down. The
// authority is the image's tag in config/manager.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"
)

const usage = `version keeps the operator's version equal wherever it is written down.

  version show         print the version
  version check        fail if two places differ
  version set v0.2.0   write another version to all places`

// errUsage is for a command line that cannot be understood.
var errUsage = errors.New(usage)

func main() {
	if err := run(context.Background(), ".", os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "version:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root string, args []string, out io.Writer) error {
	places, err := find(ctx, root)
	if err != nil {
		return err
	}
	current, err := authority(places)
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "show":
		_, err := fmt.Fprintln(out, current)
		return err
	case len(args) == 1 && args[0] == "check":
		return check(places, current)
	case len(args) == 2 && args[0] == "set":
		return set(root, places, args[1], out)
	}
	return errUsage
}

// authority returns the version in the place that the others follow.
func authority(places []place) (string, error) {
	for _, p := range places {
		if p.file == authorityFile {
			return p.version, nil
		}
	}
	return "", fmt.Errorf("%s has no image's tag", authorityFile)
}

func check(places []place, current string) error {
	var faults []error
	for _, p := range places {
		if p.version != current {
			faults = append(faults, fmt.Errorf("%s:%d: %s, but %s has %s", p.file, p.line, p.version, authorityFile, current))
		}
	}
	if len(faults) > 0 {
		faults = append(faults, fmt.Errorf("run: make bump VERSION=%s", current))
	}
	return errors.Join(faults...)
}

// set writes a version to all places of all files.
func set(root string, places []place, version string, out io.Writer) error {
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return fmt.Errorf("%q is no version such as v0.2.0 or v0.2.0-rc.1", version)
	}
	done := map[string]bool{}
	for _, p := range places {
		if done[p.file] {
			continue
		}
		done[p.file] = true
		if err := setFile(filepath.Join(root, p.file), version); err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out, p.file)
	}
	return nil
}

func setFile(file, version string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(content)
	for _, pattern := range patterns {
		text = pattern.ReplaceAllString(text, "${1}"+strings.TrimPrefix(version, "v"))
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// trackedFiles returns the files of the repository, so that neither built files nor those
// of an editor are changed.
func trackedFiles(ctx context.Context, root string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "git", "ls-files", "-z")
	cmd.Dir = root
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	return strings.Split(strings.TrimSuffix(string(output), "\x00"), "\x00"), nil
}

// speaksOfOthers matches the files in which another version is no fault: history, tests
// of invented versions, and the modules that are pinned.
var speaksOfOthers = regexp.MustCompile(`^CHANGELOG\.md$|^test/|_test\.go$|(^|/)testdata/|(^|/)go\.(mod|sum)$|^hack/version/`)
