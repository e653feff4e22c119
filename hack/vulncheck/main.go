// Command vulncheck looks for known faults in what the operator is built from, without
// access to the internet: the Go vulnerability database is part of a module.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/pflag"
)

const usage = `vulncheck looks for known faults in the packages of a module and in what they are built
from. It fails if the code can reach one, and names the cure.

  vulncheck [flags] [package ...]

Flags:
`

// database is the module with the Go vulnerability database.
const database = "golang.org/x/vulndb"

func main() {
	err := run(context.Background(), os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vulncheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var tools, pins, cache, dir string
	flags := pflag.NewFlagSet("vulncheck", pflag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(out, usage, flags.FlagUsagesWrapped(100)) }
	flags.StringVar(&tools, "tools", "bin/tools", "`folder` with govulncheck and indexdb")
	flags.StringVar(&pins, "pins", "hack/tools/vulncheck", "`folder` of the module that pins the database")
	flags.StringVar(&cache, "cache", "bin/vulndb", "`folder` that indexed databases are kept in")
	flags.StringVarP(&dir, "dir", "C", ".", "`folder` of the module to look at")
	if err := flags.Parse(args); err != nil {
		return err
	}
	indexed, err := index(ctx, pins, cache, filepath.Join(tools, "indexdb"))
	if err != nil {
		return fmt.Errorf("prepare the database: %w", err)
	}
	found, err := scan(ctx, filepath.Join(tools, "govulncheck"), indexed, dir, flags.Args())
	if err != nil {
		return err
	}
	toolchain, err := toolchainOf(ctx, dir)
	if err != nil {
		return err
	}
	return report(found, toolchain, out)
}

// toolchainOf is the version of Go that a module's go.mod asks for.
func toolchainOf(ctx context.Context, dir string) (string, error) {
	var module struct{ Go, Toolchain string }
	cmd := exec.CommandContext(ctx, "go", "mod", "edit", "-json")
	cmd.Dir = dir
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go mod edit: %w\n%s", err, output)
	}
	if err := json.Unmarshal(output, &module); err != nil {
		return "", err
	}
	return cmp.Or(module.Toolchain, "go"+module.Go), nil
}

// index returns the folder of the database in the form that govulncheck reads. It is made
// once for each version.
func index(ctx context.Context, pins, cache, indexdb string) (string, error) {
	var module struct{ Dir, Version string }
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", database) // in the version of go.mod
	cmd.Dir = pins
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download: %w\n%s", err, output)
	}
	if err := json.Unmarshal(output, &module); err != nil {
		return "", err
	}
	folder, err := filepath.Abs(filepath.Join(cache, module.Version))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.RemoveAll(cache); err != nil { // of older versions
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	output, err = exec.CommandContext(ctx, indexdb, "-vulns", filepath.Join(module.Dir, "data", "osv"), "-out", folder+".new").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("indexdb: %w\n%s", err, output)
	}
	return folder, os.Rename(folder+".new", folder)
}
