package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// accepted are faults that are known and not mended, with the reason. They are reported,
// but do not fail.
var accepted = map[string]string{}

// fault is a known fault in one of the modules.
type fault struct {
	id, summary   string
	module        string // "stdlib" for Go itself
	found, fixed  string // versions; fixed is empty if there is none yet
	reachableFrom string // a function of ours that leads to it; empty if there is none
}

// cure is the command, or the change, that removes the fault.
func (f fault) cure() string {
	switch {
	case f.fixed == "":
		return "no version mends it yet: avoid the call, or accept it with a reason in hack/vulncheck/scan.go"
	case f.module == "stdlib":
		return "go get toolchain@go" + strings.TrimPrefix(f.fixed, "v")
	}
	return "go get " + f.module + "@" + f.fixed + " && go mod tidy"
}

// scan runs govulncheck.
func scan(ctx context.Context, govulncheck, database, dir string, packages []string) ([]fault, error) {
	args := append([]string{"-db", "file://" + database, "-C", dir, "-format", "json"}, packages...)
	cmd := exec.CommandContext(ctx, govulncheck, args...)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("govulncheck: %w", err)
	}
	return parse(bytes.NewReader(output))
}

// message is one of the JSON values that govulncheck prints, as far as it is needed; see
// golang.org/x/vuln/internal/govulncheck.
type message struct {
	OSV *struct {
		ID      string
		Summary string
	}
	Finding *struct {
		OSV          string
		FixedVersion string `json:"fixed_version"`
		Trace        []struct{ Module, Version, Package, Function, Receiver string }
	}
}

// parse returns one fault for each entry of the database and module. It is reachable if any
// of its findings is.
func parse(output io.Reader) ([]fault, error) {
	summaries, faults := map[string]string{}, map[string]fault{}
	for decoder := json.NewDecoder(output); ; {
		var m message
		if err := decoder.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("govulncheck's output: %w", err)
		}
		if m.OSV != nil {
			summaries[m.OSV.ID] = m.OSV.Summary
		}
		if m.Finding == nil || len(m.Finding.Trace) == 0 {
			continue
		}
		// A trace leads from the faulty code to ours. With a function it is a call.
		at, ours := m.Finding.Trace[0], m.Finding.Trace[len(m.Finding.Trace)-1]
		key := m.Finding.OSV + " " + at.Module
		f := faults[key]
		f.id, f.module, f.found, f.fixed = m.Finding.OSV, at.Module, at.Version, m.Finding.FixedVersion
		if at.Function != "" && f.reachableFrom == "" {
			f.reachableFrom = strings.TrimPrefix(ours.Package+"."+ours.Function, ".")
		}
		faults[key] = f
	}
	var all []fault
	for _, key := range slices.Sorted(maps.Keys(faults)) {
		f := faults[key]
		f.summary = summaries[f.id]
		all = append(all, f)
	}
	return all, nil
}

// mendedBy reports whether the fault is one of Go itself that toolchain, "go1.26.9" for
// example, is free of.
func (f fault) mendedBy(toolchain string) bool {
	return f.module == "stdlib" && f.fixed != "" && version.Compare("go"+strings.TrimPrefix(f.fixed, "v"), toolchain) <= 0
}

// report prints all faults, and fails for those that can be reached. The Go of this machine
// may be older than toolchain, which go.mod names and releases are built with: a fault that
// toolchain is free of is this machine's.
func report(found []fault, toolchain string, out io.Writer) error {
	var failing []error
	for _, f := range found {
		reason, isAccepted := accepted[f.id]
		switch {
		case f.reachableFrom == "":
			_, _ = fmt.Fprintf(out, "%s in %s@%s (%s) cannot be reached. Cure: %s\n", f.id, f.module, f.found, f.summary, f.cure())
		case f.mendedBy(toolchain):
			_, _ = fmt.Fprintf(out, "%s in Go %s, which this machine has, is mended in %s, which releases are built with: %s\n", f.id, strings.TrimPrefix(f.found, "v"), toolchain, f.summary)
		case isAccepted:
			_, _ = fmt.Fprintf(out, "%s in %s@%s (%s) is accepted: %s\n", f.id, f.module, f.found, f.summary, reason)
		default:
			failing = append(failing, fmt.Errorf("%s in %s@%s: %s\n  reached from %s\n  cure: %s", f.id, f.module, f.found, f.summary, f.reachableFrom, f.cure()))
		}
	}
	if len(failing) == 0 {
		_, _ = fmt.Fprintln(out, "No known fault can be reached.")
	}
	return errors.Join(failing...)
}
