package main

import (
	"fmt"

	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"
)

// misfits returns a warning for each part of the operator that is of another minor release
// than the part that it works with. Patch releases change neither fields nor decisions.
func misfits(plugin string, crd installed, managers []installed) (warnings []string) {
	for _, m := range managers {
		switch order := compareReleases(crd.version, m.version); {
		case order < 0:
			warnings = append(warnings, fmt.Sprintf(
				"the CustomResourceDefinition (%s) is older than the manager %s (%s): the API server drops the fields that it does not know. Apply the CustomResourceDefinition of %s",
				crd.version, m.where, m.version, m.version))
		case order > 0:
			warnings = append(warnings, fmt.Sprintf(
				"the manager %s (%s) is older than the CustomResourceDefinition (%s): it ignores the fields that it does not know. Update the manager to %s",
				m.where, m.version, crd.version, crd.version))
		}
		if compareReleases(plugin, m.version) != 0 {
			warnings = append(warnings, fmt.Sprintf(
				"this plugin (%s) is not of the manager's release (%s, %s): \"explain\" may show another decision than the manager takes. Install the plugin of %s",
				plugin, m.where, m.version, m.version))
		}
	}
	return warnings
}

// compareReleases compares minor releases as semver.Compare does. What is no release, such
// as a build between two of them, cannot be compared and counts as equal.
func compareReleases(a, b string) int {
	if !isRelease(a) || !isRelease(b) {
		return 0
	}
	return semver.Compare(semver.MajorMinor(a), semver.MajorMinor(b))
}

func isRelease(version string) bool {
	return semver.IsValid(version) && !module.IsPseudoVersion(version) && semver.Build(version) == ""
}
