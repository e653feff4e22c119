package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	cyclonedx "github.com/CycloneDX/cyclonedx-go"
)

// writeArtifact writes an artifact, and beside it a bill of materials in CycloneDX's JSON format: the
// modules that are compiled into its programs, as the Go linker recorded them.
func (r *release) writeArtifact(name string, kind cyclonedx.ComponentType, content []byte, programs [][]byte) error {
	modules, err := modulesOf(programs)
	if err != nil {
		return err
	}
	bill := cyclonedx.NewBOM()
	bill.Components = &modules
	bill.Metadata = &cyclonedx.Metadata{
		Timestamp: r.time.Format(time.RFC3339),
		Component: &cyclonedx.Component{
			Type: kind, BOMRef: name, Name: name, Version: r.version,
			Description: "git commit " + r.revision,
			Supplier:    &cyclonedx.OrganizationalEntity{Name: "Xtracta", URL: &[]string{"https://github.com/xtracta/billing-operator"}},
			Hashes:      &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: digest(content)}},
			Licenses:    &cyclonedx.Licenses{{License: &cyclonedx.License{ID: "Apache-2.0"}}},
		},
	}
	var text bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&text, cyclonedx.BOMFileFormatJSON).SetPretty(true)
	if err := encoder.EncodeVersion(bill, cyclonedx.SpecVersion1_6); err != nil { // scanners take a while to read a new one
		return err
	}
	return errors.Join(r.write(name, content), r.write(name+".cdx.json", text.Bytes()))
}

// modulesOf returns the modules of all programs. The package URL is what scanners look
// vulnerabilities up by.
func modulesOf(programs [][]byte) ([]cyclonedx.Component, error) {
	found := map[string]cyclonedx.Component{}
	for _, program := range programs {
		info, err := buildinfo.Read(bytes.NewReader(program))
		if err != nil {
			return nil, err
		}
		standard := &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
		for _, module := range append(info.Deps, standard) {
			if module.Replace != nil {
				module = module.Replace
			}
			url := "pkg:golang/" + module.Path + "@" + strings.ReplaceAll(module.Version, "+", "%2B")
			found[url] = cyclonedx.Component{
				Type: cyclonedx.ComponentTypeLibrary, BOMRef: url, PackageURL: url, Name: module.Path, Version: module.Version,
			}
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b cyclonedx.Component) int { return strings.Compare(a.BOMRef, b.BOMRef) }), nil
}
