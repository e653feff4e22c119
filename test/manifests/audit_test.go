package manifests_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// permission is what one verb of one rule allows.
type permission struct{ verb, group, resource string }

// expectNothingRefused holds that the API server refused nothing to a ServiceAccount of the
// installation, whose managers have ended, and returns what it let it do.
func (in *installation) expectNothingRefused(account string) (used map[permission]bool) {
	in.T.Helper()
	used = map[permission]bool{}
	for line := range bytes.Lines(in.auditLog()) {
		var event auditv1.Event
		in.Must(json.Unmarshal(line, &event))
		if event.User.Username != "system:serviceaccount:"+in.home+":"+account || event.ObjectRef == nil {
			continue
		}
		p := permission{event.Verb, event.ObjectRef.APIGroup, event.ObjectRef.Resource}
		if event.ObjectRef.Subresource != "" {
			p.resource += "/" + event.ObjectRef.Subresource
		}
		used[p] = true
		if event.ResponseStatus != nil && event.ResponseStatus.Code == http.StatusForbidden {
			in.T.Errorf("the manager was refused: %+v", p)
		}
	}
	if len(used) == 0 {
		in.T.Errorf("ServiceAccount %s did nothing", account)
	}
	return used
}

// auditLog is the API server's log once all is in it that was asked until now.
func (in *installation) auditLog() (log []byte) {
	in.T.Helper()
	last := "last-request-of-" + strings.ToLower(in.T.Name())
	_, _ = clientset(in.T, in.Cluster.Config()).CoreV1().ConfigMaps("default").Get(in.T.Context(), last, metav1.GetOptions{})
	in.Eventually("the audit log is complete", func() string {
		text, err := os.ReadFile(env.AuditLog(in.T))
		in.Must(err)
		log = text[:bytes.LastIndexByte(text, '\n')+1] // the rest is being written
		return env.Unless(bytes.Contains(log, []byte(last)), "the last request is not in it")
	})
	return log
}

// granted is all that the roles of the manager allow.
func (in *installation) granted() (permissions []permission) {
	in.T.Helper()
	rules := manifests.Find[rbacv1.Role](in.T, in.objects, "Role", operatorName+"-leader-election").Rules
	for _, name := range []string{"manager", "metrics-auth"} {
		rules = append(rules, manifests.Find[rbacv1.ClusterRole](in.T, in.objects, "ClusterRole", operatorName+"-"+name).Rules...)
	}
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					permissions = append(permissions, permission{verb, group, resource})
				}
			}
		}
	}
	return permissions
}
