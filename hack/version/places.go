package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

const authorityFile = "config/manager/kustomization.yaml"

// number is a semantic version without its "v".
const number = `\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]*[0-9A-Za-z])?`

// patterns match what is written where the operator's version is. The version is what
// follows the first group; a "v" is part of that group.
var patterns = []*regexp.Regexp{
	expression(`newName: (?:ghcr\.io/xtracta|registry\.example\.com)/billing-operator\n\s*newTag: v`), // Kustomize's image
	expression(`app\.kubernetes\.io/version: v`),                                                      // labels
	expression(`name: billing-operator\ndescription: [^\n]*\ntype: [^\n]*\nversion: `),                // the chart
	expression(`appVersion: v`),
	expression(`name: billing-operator\n\s*version: `),                                        // the chart as a part of another
	expression(`xtracta/billing-operator/?/[^\s?]*\?ref=v`),                                   // Kustomize's remote folders
	expression(`/billing-operator:v`),                                                         // the image
	expression(`charts/billing-operator:`),                                                    // the chart as an OCI artifact
	expression(`charts/billing-operator --version[ =]`),                                       // the same for Helm
	expression(`xtracta/billing-operator/(?:releases/download|raw|blob|tree)/v`),              // files of a release
	expression(`url: https://github\.com/xtracta/billing-operator\n\s*ref:\n\s*tag: v`),       // Flux's source
	expression(`repoURL: https://github\.com/xtracta/billing-operator\n\s*targetRevision: v`), // Argo CD's
	expression(`charts/billing-operator[^\n]*\n\s*ref:\n\s*tag: `),                            // the chart for Flux
	expression(`chart: billing-operator\n\s*targetRevision: `),                                // and for Argo CD
	expression(`billing-operator/cmd/[a-z-]+@v`),                                              // go install
}

func expression(before string) *regexp.Regexp {
	return regexp.MustCompile("(" + before + ")" + number)
}

// place is where the version is written down.
type place struct {
	file    string
	line    int
	version string // with its "v", whether or not the place has it
}

// find returns all places.
func find(ctx context.Context, root string) ([]place, error) {
	files, err := trackedFiles(ctx, root)
	if err != nil {
		return nil, err
	}
	var places []place
	for _, file := range files {
		if speaksOfOthers.MatchString(file) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if errors.Is(err, fs.ErrNotExist) { // deleted, but not yet in the index
			continue
		}
		if err != nil {
			return nil, err
		}
		places = append(places, findIn(file, string(content))...)
	}
	return places, nil
}

func findIn(file, text string) (places []place) {
	for _, pattern := range patterns {
		for _, match := range pattern.FindAllStringSubmatchIndex(text, -1) {
			begin := match[3]
			places = append(places, place{file, 1 + strings.Count(text[:begin], "\n"), "v" + text[begin:match[1]]})
		}
	}
	return places
}
