package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"fmt"
	"maps"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

// writeSBOM writes a bill of materials in SPDX's JSON format: the modules that are compiled
// into the programs of an artifact, as the Go linker recorded them.
func (r *release) writeSBOM(artifact, purpose string, content []byte, programs [][]byte) error {
	modules, err := modulesOf(programs)
	if err != nil {
		return err
	}
	document := r.bill(artifact, purpose, content, modules)
	var text bytes.Buffer
	if err := spdxjson.Write(document, &text, spdxjson.Indent("  ")); err != nil {
		return err
	}
	return r.write(artifact+".spdx.json", text.Bytes())
}

// modulesOf returns the modules of all programs, by path and version.
func modulesOf(programs [][]byte) ([]debug.Module, error) {
	found := map[string]debug.Module{}
	for _, program := range programs {
		info, err := buildinfo.Read(bytes.NewReader(program))
		if err != nil {
			return nil, err
		}
		standard := debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}
		found["stdlib"] = standard
		for _, module := range info.Deps {
			if module.Replace != nil {
				module = module.Replace
			}
			found[module.Path+"@"+module.Version] = *module
		}
	}
	var modules []debug.Module
	for _, key := range slices.Sorted(maps.Keys(found)) {
		modules = append(modules, found[key])
	}
	return modules, nil
}

// bill describes an artifact and what it contains.
func (r *release) bill(artifact, purpose string, content []byte, modules []debug.Module) *spdx.Document {
	digest := fmt.Sprintf("%x", sha256.Sum256(content))
	whole := &spdx.Package{
		PackageName:             artifact,
		PackageSPDXIdentifier:   "Artifact",
		PackageVersion:          r.version,
		PackageFileName:         artifact,
		PackageSupplier:         &common.Supplier{SupplierType: "Organization", Supplier: "Xtracta"},
		PackageDownloadLocation: r.download(artifact),
		PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: digest}},
		PackageHomePage:         repository,
		PackageSourceInfo:       "git commit " + r.revision,
		PackageLicenseConcluded: "NOASSERTION",
		PackageLicenseDeclared:  "Apache-2.0",
		PackageCopyrightText:    "NOASSERTION",
		PrimaryPackagePurpose:   purpose,
	}
	document := &spdx.Document{
		SPDXVersion:       spdx.Version,
		DataLicense:       spdx.DataLicense,
		SPDXIdentifier:    "DOCUMENT",
		DocumentName:      artifact,
		DocumentNamespace: r.download(artifact+".spdx.json") + "#" + digest, // unique, and the same each time
		CreationInfo: &spdx.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Organization", Creator: "Xtracta"}, {CreatorType: "Tool", Creator: "billing-operator-release"}},
			Created:  r.time.Format(time.RFC3339),
		},
		Packages:      []*spdx.Package{whole},
		Relationships: []*spdx.Relationship{relation("DOCUMENT", common.TypeRelationshipDescribe, whole.PackageSPDXIdentifier)},
	}
	for _, module := range modules {
		part := packageOf(module)
		document.Packages = append(document.Packages, part)
		document.Relationships = append(document.Relationships,
			relation(whole.PackageSPDXIdentifier, common.TypeRelationshipContains, part.PackageSPDXIdentifier))
	}
	return document
}

// packageOf describes a module. The package URL is what scanners look vulnerabilities up by.
func packageOf(module debug.Module) *spdx.Package {
	source := ""
	if module.Sum != "" {
		source = "go.sum " + module.Sum
	}
	return &spdx.Package{
		PackageName:             module.Path,
		PackageSPDXIdentifier:   common.ElementID("Module-" + notInIdentifiers.ReplaceAllString(module.Path+"-"+module.Version, "-")),
		PackageVersion:          module.Version,
		PackageSupplier:         &common.Supplier{SupplierType: "NOASSERTION", Supplier: "NOASSERTION"},
		PackageDownloadLocation: "NOASSERTION",
		PackageSourceInfo:       source,
		PackageLicenseConcluded: "NOASSERTION",
		PackageLicenseDeclared:  "NOASSERTION",
		PackageCopyrightText:    "NOASSERTION",
		PrimaryPackagePurpose:   "LIBRARY",
		PackageExternalReferences: []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager,
			RefType:  common.TypePackageManagerPURL,
			Locator:  "pkg:golang/" + module.Path + "@" + strings.ReplaceAll(module.Version, "+", "%2B"),
		}},
	}
}

// notInIdentifiers are the characters that an SPDX identifier may not have.
var notInIdentifiers = regexp.MustCompile(`[^A-Za-z0-9.-]`)

func relation(from common.ElementID, kind string, to common.ElementID) *spdx.Relationship {
	return &spdx.Relationship{RefA: common.MakeDocElementID("", string(from)), Relationship: kind, RefB: common.MakeDocElementID("", string(to))}
}
