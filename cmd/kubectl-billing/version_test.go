package main

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestMisfits(t *testing.T) {
	for _, row := range []struct {
		why, plugin, crd, manager string
		want                      []string // how each warning begins, and the cure with which it ends
	}{
		{"all of one release", "v0.2.0", "v0.2.0", "v0.2.0", nil},
		{"patch releases change neither fields nor decisions", "v0.2.0", "v0.2.3", "v0.2.1", nil},
		{"an upgrade that left out the CRD", "v0.2.0", "v0.1.0", "v0.2.0",
			[]string{"the CustomResourceDefinition (v0.1.0) is older … Apply the CustomResourceDefinition of v0.2.0"}},
		{"a rollback of the manager only", "v0.1.0", "v0.2.0", "v0.1.0",
			[]string{"the manager ns/name (v0.1.0) is older … Update the manager to v0.2.0"}},
		{"an old plugin on somebody's machine", "v0.1.0", "v0.2.0", "v0.2.0",
			[]string{"this plugin (v0.1.0) … Install the plugin of v0.2.0"}},
		{"a new plugin", "v1.0.0", "v0.2.0", "v0.2.0",
			[]string{"this plugin (v1.0.0) … Install the plugin of v0.2.0"}},
		{"numbers are compared, not texts", "v0.10.0", "v0.9.0", "v0.10.0",
			[]string{"the CustomResourceDefinition (v0.9.0) is older … of v0.10.0"}},
		{"all three differ", "v0.3.0", "v0.1.0", "v0.2.0", []string{"the CustomResourceDefinition … v0.2.0", "this plugin … v0.2.0"}},
		{"a candidate of the same release", "v0.2.0-rc.1", "v0.2.0", "v0.2.0", nil},
		{"a development build cannot be compared", "devel", "v0.1.0", "v0.1.0", nil},
		{"nor can one between two releases", "v0.0.0-20261125220139-9a2376aabcde", "v0.1.0", "v0.1.0", nil},
		{"nor can one from changed files", "v0.0.1+dirty", "v0.1.0", "v0.1.0", nil},
		{"nor can what is unknown", "v0.1.0", "", "v0.1.0", nil},
		{"nor can a tag that is no version", "v0.1.0", "v0.1.0", "latest", nil},
	} {
		t.Run(row.why, func(t *testing.T) {
			got := misfits(row.plugin, installed{version: row.crd}, []installed{{version: row.manager, where: "ns/name"}})
			if len(got) != len(row.want) {
				t.Fatalf("got %q, want %q", got, row.want)
			}
			for i, want := range row.want {
				begin, end, _ := strings.Cut(want, " … ")
				if !strings.HasPrefix(got[i], begin) || !strings.HasSuffix(got[i], end) {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
		})
	}
}

// The manager's version is that of the image that runs, whatever the labels say.
func TestVersionOfAManager(t *testing.T) {
	labelled := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "name", Labels: map[string]string{versionLabel: "v0.1.0"}}}
	plain := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "name"}}
	for _, row := range []struct {
		why, image string
		deployment *appsv1.Deployment
		want       string
	}{
		{"a tag", "registry.example.com/billing-operator:v0.2.0", labelled, "v0.2.0 (ns/name)"},
		{"a registry with a port", "localhost:5000/billing-operator:v0.2.0", labelled, "v0.2.0 (ns/name)"},
		{"a tag with a digest", "billing-operator:v0.2.0@sha256:0123", labelled, "v0.2.0 (ns/name)"},
		{"a digest alone", "localhost:5000/billing-operator@sha256:0123", labelled, "v0.1.0 (ns/name)"},
		{"a digest without a label", "billing-operator@sha256:0123", plain,
			"unknown: its image has no tag and the Deployment no label app.kubernetes.io/version (ns/name)"},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got := managerOf(row.deployment, row.image).String(); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
