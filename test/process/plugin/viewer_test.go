package plugin

import (
	"os"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// viewerRules are those of the role that people are bound to.
func viewerRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile("../../../config/rbac/billingsession_viewer_role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(text, &role); err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

func may(group, resource, name string, verbs ...string) rbacv1.PolicyRule {
	rule := rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
	if name != "" {
		rule.ResourceNames = []string{name}
	}
	return rule
}

// Whoever may read sessions sees what their status shows, and is told in one line what
// could not be read.
func TestAsFarAsTheRightsGo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.StartManager()
	s.WithOwnKey("acme", builders.Expiration(long))
	s.WithOwnKey("hidden", builders.Expiration(long), builders.Hidden())
	s.WithOwnKey("rests", builders.Suspended())
	s.withoutKey("keyless")
	s.WithOwnKey("failing", builders.Expiration(long))
	for _, name := range []string{"acme", "hidden", "failing"} {
		s.Ready(name)
	}
	s.Misbehave("failing", standin.Throttle(30*time.Minute))
	s.plugin("renew", "failing").ends(0)
	s.Reaches("failing", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonThrottled)
	s.Reaches("rests", v1alpha1.ConditionReady, v1alpha1.ReasonSuspended)
	s.Reaches("keyless", v1alpha1.ConditionReady, v1alpha1.ReasonKeySecretMissing)

	sessions := v1alpha1.GroupVersion.Group
	for _, row := range []struct {
		who    string
		rules  []rbacv1.PolicyRule
		unread string
	}{
		{"viewer", viewerRules(t), `cannot get resource "secrets"`},
		{"reader-of-one", []rbacv1.PolicyRule{may(sessions, "billingsessions", "acme", "get"), may("", "secrets", "", "get")}, `cannot list resource "billingsessions"`},
		{"reader-of-the-url", []rbacv1.PolicyRule{may(sessions, "billingsessions", "", "get", "list"), may("", "secrets", "acme", "get")}, `secrets "key-acme" is forbidden`},
		{"reader-of-the-key", []rbacv1.PolicyRule{may(sessions, "billingsessions", "", "get", "list"), may("", "secrets", "key-acme", "get")}, `secrets "acme" is forbidden`},
	} {
		t.Run(row.who, func(t *testing.T) {
			u := s.on(t)
			u.as(row.who, row.rules...)
			a := u.plugin("open", "acme", "--print").ends(0).prints(s.URLIn("acme") + "\n")
			e := u.plugin("explain", "acme").ends(0)
			for _, line := range []string{"Now: Ready. The URL works for ", "Next: The controller asks for the next URL in ", "You: Nothing needs to be done."} {
				if !strings.Contains(strings.Join(strings.Fields(e.out), " "), line) {
					t.Errorf("explain does not say %q:\n%s", line, e.out)
				}
			}
			// A read that the decision does not need may be left out: then nothing was unread.
			if a.err != "" {
				oneLine(t, a.err, row.unread)
				oneLine(t, e.out, row.unread)
			}
		})
	}

	hidden := s.on(t)
	hidden.as("reader-of-hidden", may(sessions, "billingsessions", "", "get", "list"), may("", "secrets", "hidden", "get"))
	hidden.plugin("open", "hidden", "--print").ends(0).prints(s.URLIn("hidden") + "\n").says(`secrets "key-hidden" is forbidden`)

	u := s.on(t)
	u.as("people", viewerRules(t)...)
	if a := u.plugin("list").ends(0); a.err != "" || strings.Count(a.out, "\n") != 6 {
		t.Errorf("%s%s", a.out, a.err)
	}
	u.plugin("list", "-A").ends(1).prints("").says("at the cluster scope", "name one namespace with -n")
	u.plugin("list", "-n", "default").ends(1).prints("").says(`in the namespace "default"`)
	u.plugin("open", "hidden", "--print").ends(1).prints("").says(`cannot get resource "secrets"`, "urlInStatus: Hidden")
	u.plugin("open", "acme", "--fresh").ends(1).prints("").says(`cannot patch resource "billingsessions"`)
	for name, lines := range map[string][]string{
		"failing": {"Ready, but renewal is failing (Throttled).", "The controller asks for the next URL in "},
		"rests":   {"Not ready (Suspended).", "Nothing until somebody acts.", "kubectl billing resume rests"},
		"keyless": {"Not ready (KeySecretMissing).", "Nothing until somebody acts.", "Do what is said above."},
	} {
		e := u.plugin("explain", name).ends(0)
		oneLine(t, e.out, `cannot get resource "secrets"`)
		for _, line := range lines {
			if !strings.Contains(e.out, line) {
				t.Errorf("explain %s does not say %q:\n%s", name, line, e.out)
			}
		}
	}
	u.plugin("explain", "acme").ends(0).goldenWithoutSpans(s, "explain-as-viewer.txt")
}

func TestAViewerIsToldThatAURLHasExpired(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	session := s.alive("acme", s.URL+"/page")
	at := metav1.NewTime(time.Now().Add(-time.Minute))
	session.Status.ExpirationTime = &at
	if err := s.Client.Status().Update(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	s.as("people", viewerRules(t)...)
	s.plugin("open", "acme").ends(3).prints("").says(`the URL of session "acme" expired`)
	if e := s.plugin("explain", "acme").ends(0); !strings.Contains(e.out, "Not ready (Expired).") {
		t.Errorf("%s", e.out)
	}
}

// oneLine checks that exactly one line says something.
func oneLine(t *testing.T, text, part string) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			lines++
		}
	}
	if lines != 1 {
		t.Errorf("%d lines say %q, want one:\n%s", lines, part, text)
	}
}
