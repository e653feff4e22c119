package plugin

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	for _, row := range []struct {
		why, args string
		code      int
		says      string
	}{
		{"a session that is not there", "open nobody", 1, `there is no session "nobody" in namespace`},
		{"and how to see which there are", "explain nobody", 1, "kubectl billing list -n " + s.Namespace},
		{"one of several is not there, so none is touched", "suspend acme nobody", 1, "nothing was done for the others either"},
		{"a context that is not there", "list --context nowhere", 1, "check --kubeconfig and --context"},
		{"a cluster that is down", "list --kubeconfig= --server=https://127.0.0.1:1", 1, "the cluster cannot be reached"},
		{"a cluster without the operator", "list --kubeconfig= --server=" + empty.URL, 1, "this cluster knows no BillingSessions: install the operator"},
		{"a session of such a cluster", "explain acme --kubeconfig= --server=" + empty.URL, 1, "this cluster knows no BillingSessions"},
		{"a command that is not there", "lst", 2, "Did you mean this?"},
		{"a flag that is not there", "open acme --brwser", 2, "See 'kubectl billing open --help'"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s.on(t).plugin(strings.Fields(row.args)...).ends(row.code).prints("").says("error: ", row.says)
		})
	}
	if s.Get("acme").Spec.Suspend {
		t.Error("acme was suspended although the command failed")
	}
}

func TestPermissionsAreAskedFor(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.WithOwnKey("acme")
	s.as("reader", rbacv1.PolicyRule{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"billingsessions"}, Verbs: []string{"get", "list"}})
	s.plugin("list").ends(0)
	for _, row := range []struct{ why, args, says string }{
		{"the Secret is not for every reader", "open acme", `cannot get resource "secrets"`},
		{"nor are changes", "suspend acme", `cannot patch resource "billingsessions"`},
		{"nor are other namespaces", "list -A", "at the cluster scope"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s.on(t).plugin(strings.Fields(row.args)...).ends(1).prints("").says(row.says, "ask who administers the cluster")
		})
	}
}

// as lets the stage's plugin run as somebody who may do only that.
func (s *stage) as(name string, rules ...rbacv1.PolicyRule) {
	s.T.Helper()
	name += "-" + s.Namespace
	_, kubeconfig, err := s.Cluster.AddUser(name)
	if err != nil {
		s.T.Fatal(err)
	}
	meta := metav1.ObjectMeta{Namespace: s.Namespace, Name: name}
	s.Create(&rbacv1.Role{ObjectMeta: meta, Rules: rules})
	s.Create(&rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	})
	s.kubeconfig = filepath.Join(s.dir, "kubeconfig-"+name)
	if err := os.WriteFile(s.kubeconfig, kubeconfig, 0o600); err != nil {
		s.T.Fatal(err)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for _, args := range []string{"", "list", "open", "renew", "suspend", "resume", "explain", "version"} {
		a := s.plugin(append(strings.Fields(args), "--help")...).ends(0)
		// What kubectl's own flags say is kubectl's.
		a.out, _, _ = strings.Cut(a.out, "\nGlobal Flags:\n")
		if args == "" {
			a.out, _, _ = strings.Cut(a.out, "\nFlags:\n")
		}
		a.golden(s, strings.TrimSuffix("help-"+args, "-")+".txt")
	}
}
