package kustomize

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

// permission is what one verb of one rule allows.
type permission struct{ verb, group, resource string }

// audit is what the manager did and what it was refused, as the API server saw it.
type audit struct {
	used    map[permission]bool
	refused []permission
}

// readAudit reads the log once it is complete. The managers have ended before.
func (in *installation) readAudit() audit {
	in.T.Helper()
	const last = "the-last-request"
	_, _ = clientset(in.T, in.Cluster.Config()).CoreV1().ConfigMaps("default").Get(context.Background(), last, metav1.GetOptions{})
	result := audit{used: map[permission]bool{}}
	in.Eventually("the audit log is complete", func() string {
		result = audit{used: map[permission]bool{}}
		complete := false
		in.eachAuditEvent(func(event auditv1.Event) {
			complete = complete || event.ObjectRef != nil && event.ObjectRef.Name == last
			result.take(event)
		})
		if !complete {
			return "the last request is not in it"
		}
		return ""
	})
	return result
}

func (in *installation) eachAuditEvent(visit func(auditv1.Event)) {
	in.T.Helper()
	file, err := os.Open(in.auditLog)
	if err != nil {
		in.T.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Buffer(nil, 1<<20); lines.Scan(); {
		var event auditv1.Event
		if json.Unmarshal(lines.Bytes(), &event) == nil { // else it is being written
			visit(event)
		}
	}
}

func (a *audit) take(event auditv1.Event) {
	if event.User.Username != "system:serviceaccount:"+systemNamespace+":"+operatorName || event.ObjectRef == nil {
		return
	}
	p := permission{verb: event.Verb, group: event.ObjectRef.APIGroup, resource: event.ObjectRef.Resource}
	if event.ObjectRef.Subresource != "" {
		p.resource += "/" + event.ObjectRef.Subresource
	}
	a.used[p] = true
	if event.ResponseStatus != nil && event.ResponseStatus.Code == http.StatusForbidden {
		a.refused = append(a.refused, p)
	}
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
