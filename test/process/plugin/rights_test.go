package plugin

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
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
	// The API server grants at once, but its authorizer sees it a moment later.
	s.Eventually("the rights count", func() string {
		asked := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: name,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: s.Namespace, Verb: rules[0].Verbs[0], Group: rules[0].APIGroups[0], Resource: rules[0].Resources[0],
			},
		}}
		s.Must(s.Client.Create(s.T.Context(), asked))
		return env.Unless(asked.Status.Allowed, "not yet")
	})
	s.kubeconfig = filepath.Join(s.dir, "kubeconfig-"+name)
	s.Must(os.WriteFile(s.kubeconfig, kubeconfig, 0o600))
}

// Whoever may read sessions is told as much of them as anybody else, and whom to ask for more.
func TestAsFarAsTheRightsGo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.StartManager()
	s.WithOwnKey("acme", builders.Expiration(long))
	s.WithOwnKey("hidden", builders.Expiration(long), builders.Hidden())
	s.Session("keyless", builders.KeySecret("key-keyless"))
	s.WithOwnKey("failing", builders.Expiration(long))
	for _, name := range []string{"acme", "hidden", "failing"} {
		s.Ready(name)
	}
	s.Misbehave("failing", standin.Throttle(30*time.Minute))
	s.RequestRenewal("failing", "1")
	s.Reaches("failing", v1alpha1.ConditionRenewalFailing, v1alpha1.ReasonThrottled)
	s.Reaches("keyless", v1alpha1.ConditionReady, v1alpha1.ReasonKeySecretMissing)

	const ask = "ask who administers the cluster"
	u := *s
	u.as("people", viewerRules(t)...)
	u.plugin("open", "acme", "--print").ends(0).prints(regexp.QuoteMeta(s.URLIn("acme")) + "\n").says("")
	u.plugin("open", "hidden", "--print").ends(1).prints("").says(`cannot get resource "secrets"`, "urlInStatus: Hidden", ask)
	u.plugin("open", "acme", "--fresh").ends(1).prints("").says(`cannot patch resource "billingsessions"`, ask)
	u.plugin("suspend", "acme").ends(1).prints("").says(`cannot patch resource "billingsessions"`, ask)
	if a := u.plugin("list").ends(0); a.err != "" || strings.Count(a.out, "\n") != 5 {
		t.Errorf("%s%s", a.out, a.err)
	}
	u.plugin("list", "-A").ends(1).prints("").says("at the cluster scope", "name one namespace with -n", ask)
	u.plugin("list", "-n", "default").ends(1).prints("").says(`in the namespace "default"`, ask)
	u.plugin("version").ends(0).says("")
	spans := regexp.MustCompile(`\b(\d+[dhms])+\b`) // which go on between two looks
	for name, line := range map[string]string{
		"acme": "It works for ", "hidden": "It works for ", "failing": "Ready, but renewal has been failing for ", "keyless": "KeySecretMissing: Secret \"key-keyless\"",
	} {
		a := u.plugin("explain", name).ends(0).says("")
		if same := s.plugin("explain", name); !strings.Contains(a.out, line) || spans.ReplaceAllString(a.out, "") != spans.ReplaceAllString(same.out, "") {
			t.Errorf("explain does not say %q, or not the same to all:\n%s%s", line, a.out, same.out)
		}
	}
}
