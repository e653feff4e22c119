package manifests_test

import (
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

// act is something that RBAC allows or forbids: a verb on a resource of a group,
// in a namespace (none: in all), perhaps on one object.
type act struct{ verb, group, resource, namespace, name string }

func (a act) attributes() *authorizationv1.ResourceAttributes {
	resource, subresource, _ := strings.Cut(a.resource, "/")
	return &authorizationv1.ResourceAttributes{
		Verb: a.verb, Group: a.group, Resource: resource, Subresource: subresource, Namespace: a.namespace, Name: a.name,
	}
}

const (
	billing      = "billing.xtracta.com"
	coordination = "coordination.k8s.io"
	rbac         = "rbac.authorization.k8s.io"
)

// What the manager is not allowed, so that whoever takes it over does not get it.
var forbiddenToTheManager = []struct {
	act
	why string
}{
	{act{verb: "delete", resource: "secrets", namespace: "finance"}, "garbage collection deletes; a defect here must not"},
	{act{verb: "create", group: billing, resource: "billingsessions", namespace: "finance"}, "people declare sessions"},
	{act{verb: "patch", group: billing, resource: "billingsessions", namespace: "finance"}, "the spec is the people's"},
	{act{verb: "update", group: billing, resource: "billingsessions/status", namespace: "finance"}, "the status is patched"},
	{act{verb: "update", group: billing, resource: "billingsessions/finalizers", namespace: "finance"}, "there is no finalizer"},
	{act{verb: "create", resource: "pods", namespace: systemNamespace}, "a pod could mount anything"},
	{act{verb: "create", resource: "serviceaccounts/token", namespace: systemNamespace}, "a token outlives its pod"},
	{act{verb: "impersonate", resource: "users"}, "it would be anybody"},
	{act{verb: "bind", group: rbac, resource: "clusterroles"}, "it would be anything"},
	{act{verb: "escalate", group: rbac, resource: "clusterroles"}, "it would be anything"},
	{act{verb: "get", group: coordination, resource: "leases", namespace: "finance", name: operatorName}, "its lease is in its own namespace"},
	{act{verb: "create", group: coordination, resource: "leases", namespace: "kube-node-lease"}, "nodes are declared dead by their leases"},
	{act{verb: "update", group: coordination, resource: "leases", namespace: systemNamespace, name: "another"}, "somebody else's election"},
	{act{verb: "get", group: "apiextensions.k8s.io", resource: "customresourcedefinitions"}, "it need not know"},
	{act{verb: "*", group: "*", resource: "*"}, "no wildcard"},
}

func TestManagerMayNot(t *testing.T) {
	config, _, err := cluster(t).AddServiceAccount(systemNamespace, operatorName)
	if err != nil {
		t.Fatal(err)
	}
	expectForbidden(t, config, systemNamespace)
}

// expectForbidden asks for a manager that is installed in a namespace of its own.
func expectForbidden(t *testing.T, manager *rest.Config, home string) {
	t.Helper()
	if !may(t, manager, act{verb: "update", resource: "secrets", namespace: "finance"}) {
		t.Error("the manager may not do what it does all day")
	}
	for _, row := range forbiddenToTheManager {
		if row.namespace == systemNamespace {
			row.namespace = home
		}
		if may(t, manager, row.act) {
			t.Errorf("the manager may %s %s in %q: %s", row.verb, row.resource, row.namespace, row.why)
		}
	}
}

func TestPeopleMay(t *testing.T) {
	for _, row := range []struct {
		role    string
		allowed []string
	}{
		{"billingsession-viewer", []string{"get", "list", "watch"}},
		{"billingsession-editor", []string{"get", "list", "watch", "create", "update", "patch", "delete"}},
	} {
		t.Run(row.role, func(t *testing.T) {
			config, _, err := cluster(t).AddUser(row.role)
			if err != nil {
				t.Fatal(err)
			}
			c := strictClient(t)
			namespace := manifests.NewNamespace(t, c)
			if err := c.Create(t.Context(), &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: row.role},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: operatorName + "-" + row.role},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: row.role}},
			}); err != nil {
				t.Fatal(err)
			}
			// The authorizer of the API server sees the binding a moment later.
			env.Eventually(t, "the binding counts", func() string {
				asked := act{verb: "get", group: billing, resource: "billingsessions", namespace: namespace}
				return env.Unless(may(t, config, asked), "not yet")
			})
			for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
				asked := act{verb: verb, group: billing, resource: "billingsessions", namespace: namespace}
				if got, want := may(t, config, asked), slices.Contains(row.allowed, verb); got != want {
					t.Errorf("may %s sessions: %v, want %v", verb, got, want)
				}
			}
			for _, forbidden := range []act{
				{verb: "get", resource: "secrets", namespace: namespace},
				{verb: "patch", group: billing, resource: "billingsessions/status", namespace: namespace},
				{verb: "get", group: billing, resource: "billingsessions", namespace: "default"},
			} {
				if may(t, config, forbidden) {
					t.Errorf("may %s %s in %s", forbidden.verb, forbidden.resource, forbidden.namespace)
				}
			}
		})
	}
}

// may asks the API server whether a user is allowed something.
func may(t *testing.T, user *rest.Config, a act) bool {
	t.Helper()
	answer, err := clientset(t, user).AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: a.attributes()},
		}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}

func clientset(t *testing.T, config *rest.Config) kubernetes.Interface {
	t.Helper()
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
