package plugin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/standin"
)

// viewerRules are those of the role that people are bound to.
func viewerRules(t *testing.T) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile(env.Path("config", "rbac", "billingsession_viewer_role.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var role rbacv1.ClusterRole
	if err := yaml.UnmarshalStrict(text, &role); err != nil {
		t.Fatal(err)
	}
	return role.Rules
}

// as lets the stage's plugin run as somebody who may do only that.
func (s *stage) as(name string, rules ...rbacv1.PolicyRule) {
	s.T.Helper()
	name += "-" + s.Namespace
	_, kubeconfig, err := s.Cluster.AddUser(name)
	s.Must(err)
	meta := metav1.ObjectMeta{Namespace: s.Namespace, Name: name}
	s.Create(&rbacv1.Role{ObjectMeta: meta, Rules: rules})
	s.Create(&rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	})
	s.kubeconfig = filepath.Join(s.dir, "kubeconfig-"+name)
	s.Must(os.WriteFile(s.kubeconfig, kubeconfig, 0o600))
}

// Whoever may read sessions sees what their status shows, and is told in one line what could not
// be read, and whom to ask.
func TestAsFarAsTheRightsGo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.StartManager()
	s.WithOwnKey("acme", builders.Expiration(long))
	s.WithOwnKey("hidden", builders.Expiration(long), builders.Hidden())
	s.withoutKey("keyless")
	s.WithOwnKey("failing", builders.Expiration(long))
	for _, name := range []string{"acme", "hidden", "failing"} {
		s.Ready(name)
	}
	s.Misbehave("failing", standin.Throttle(30*time.Minute))
	s.RequestRenewal("failing", "1")
	s.Reaches("failing", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonThrottled)
	s.Reaches("keyless", v1alpha1.ConditionReady, v1alpha1.ReasonKeySecretMissing)

	const secretsUnread, ask = `cannot get resource "secrets"`, "ask who administers the cluster"
	u := s.on(t)
	u.as("people", viewerRules(t)...)
	a := u.plugin("open", "acme", "--print").ends(0).prints(s.URLIn("acme") + "\n")
	oneLine(t, a.err, secretsUnread)
	u.plugin("open", "hidden", "--print").ends(1).prints("").says(secretsUnread, "urlInStatus: Hidden", ask)
	u.plugin("open", "acme", "--fresh").ends(1).prints("").says(`cannot patch resource "billingsessions"`, ask)
	u.plugin("suspend", "acme").ends(1).prints("").says(`cannot patch resource "billingsessions"`, ask)
	if a := u.plugin("list").ends(0); a.err != "" || strings.Count(a.out, "\n") != 5 {
		t.Errorf("%s%s", a.out, a.err)
	}
	u.plugin("list", "-A").ends(1).prints("").says("at the cluster scope", "name one namespace with -n", ask)
	u.plugin("list", "-n", "default").ends(1).prints("").says(`in the namespace "default"`, ask)
	for name, lines := range map[string][]string{
		"failing": {"Ready, but renewal is failing (Throttled).", "The controller asks for the next URL in "},
		"keyless": {"Not ready (KeySecretMissing).", "Nothing until somebody acts.", "Do what is said above."},
	} {
		e := u.plugin("explain", name).ends(0)
		oneLine(t, e.out, secretsUnread)
		for _, line := range lines {
			if !strings.Contains(e.out, line) {
				t.Errorf("explain %s does not say %q:\n%s", name, line, e.out)
			}
		}
	}
	u.plugin("explain", "acme").ends(0).goldenWithoutSpans(s, "explain-as-viewer.txt")
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
