package api_test

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// What `kubectl get billingsessions` prints is a table that the API server makes.
func TestColumns(t *testing.T) {
	s := read(t, create(t, session(t, "acme", ``)))

	if diff := cmp.Diff([]string{"Name", "Ready", "Reason", "Expires", "Renews", "Age"}, headings(table(t, s.Namespace))); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}

	s.Status = fullStatus()
	if err := kube.Status().Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	row := table(t, s.Namespace).Rows[0]
	want := []any{"acme", "True", v1alpha1.ReasonIssued, "2031-05-06T07:10:00Z", "2031-05-06T07:06:00Z"}
	if diff := cmp.Diff(want, row.Cells[:len(want)]); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	if text := fmt.Sprint(row.Cells); strings.Contains(text, s.Status.URL) {
		t.Errorf("the URL is a password and must not be listed: %s", text)
	}
}

func table(t *testing.T, namespace string) metav1.Table {
	t.Helper()
	body, err := kubernetes.NewForConfigOrDie(config).RESTClient().Get().
		AbsPath("apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", namespace, "billingsessions").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").
		DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got metav1.Table
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func headings(of metav1.Table) []string {
	var names []string
	for _, column := range of.ColumnDefinitions {
		names = append(names, column.Name)
	}
	return names
}

// `kubectl explain billingsession --recursive` is the manual: each field has a
// text, and the text begins with the field's name as it is typed.
func TestExplain(t *testing.T) {
	body, err := kubernetes.NewForConfigOrDie(config).RESTClient().Get().
		AbsPath("openapi/v3/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version).
		DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Components struct {
			Schemas map[string]field `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	resource, ok := document.Components.Schemas["com.xtracta.billing.v1alpha1.BillingSession"]
	if !ok {
		t.Fatal("the API server does not publish BillingSession")
	}
	explained(t, "spec", resource.Properties["spec"])
	explained(t, "status", resource.Properties["status"])
}

type field struct {
	Description string           `json:"description"`
	Properties  map[string]field `json:"properties"`
}

func explained(t *testing.T, at string, f field) {
	t.Helper()
	if !strings.HasPrefix(f.Description, path.Base(at)) || !strings.HasSuffix(f.Description, ".") {
		t.Errorf("%s is explained as %q, want sentences that begin with its name", at, f.Description)
	}
	for name, child := range f.Properties {
		explained(t, at+"/"+name, child)
	}
}
