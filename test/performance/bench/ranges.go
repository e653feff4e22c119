package main

import (
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// bounds are what a value must be within, both ends included.
type bounds struct {
	Least *float64 `json:"least,omitempty"`
	Most  *float64 `json:"most,omitempty"`
}

func (b *bounds) hold(value float64) bool {
	return (b.Least == nil || value >= *b.Least) && (b.Most == nil || value <= *b.Most)
}

func (b *bounds) String() string {
	switch {
	case b == nil:
		return ""
	case b.Least == nil:
		return "at most " + number(*b.Most)
	case b.Most == nil:
		return "at least " + number(*b.Least)
	case *b.Least == *b.Most:
		return "exactly " + number(*b.Least)
	}
	return number(*b.Least) + " to " + number(*b.Most)
}

// rangeOf says what some measures must be within.
type rangeOf struct {
	// Measure is a name; one that ends with * stands for all that begin so.
	Measure string `json:"measure"`
	// Sessions that it is limited to; all when zero.
	Sessions int `json:"sessions,omitempty"`
	// Exactly is short for both bounds.
	Exactly *float64 `json:"exactly,omitempty"`
	bounds
}

// ranges are in order: the first that fits a measure is its range.
type ranges []rangeOf

func readRanges(path string) (ranges, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all ranges
	if err := yaml.UnmarshalStrict(text, &all); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	for i := range all {
		if all[i].Exactly != nil {
			all[i].bounds = bounds{all[i].Exactly, all[i].Exactly}
		}
	}
	return all, nil
}

func (r rangeOf) fits(m measure) bool {
	if r.Sessions != 0 && r.Sessions != m.Sessions {
		return false
	}
	if prefix, open := strings.CutSuffix(r.Measure, "*"); open {
		return strings.HasPrefix(m.Name, prefix)
	}
	return r.Measure == m.Name
}

// judge writes its range into each measure that has one, and returns those outside.
func (r ranges) judge(measures []measure) (outside []measure) {
	for i := range measures {
		for _, one := range r {
			if !one.fits(measures[i]) {
				continue
			}
			if one.Least != nil || one.Most != nil {
				measures[i].Range = &one.bounds
			}
			if !one.hold(measures[i].Value) {
				outside = append(outside, measures[i])
			}
			break
		}
	}
	return outside
}
