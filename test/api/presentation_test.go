package api_test

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

// What `kubectl get billingsessions` prints is a table that the API server makes.
// Columns with a priority above zero appear with -o wide only.
func TestColumns(t *testing.T) {
	s := read(t, create(t, session(t, "acme", `suspend: true`)))

	columns := table(t, s.Namespace).ColumnDefinitions
	if diff := cmp.Diff([]string{"Name", "Ready", "Reason", "Expires", "Renews", "Secret", "Age"}, headings(columns, 0)); diff != "" {
		t.Fatalf("columns (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Suspended", "Message"}, headings(columns, 1)); diff != "" {
		t.Fatalf("columns of -o wide (-want +got):\n%s", diff)
	}

	s.Status = fullStatus()
	if err := env.Kube(t).Status().Update(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	row := table(t, s.Namespace).Rows[0]
	age := row.Cells[6]
	want := []any{"acme", "True", v1alpha1.ReasonIssued, "2031-05-06T07:10:00Z", "2031-05-06T07:06:00Z", "acme", age, true, "The URL works."}
	if diff := cmp.Diff(want, row.Cells); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	if text := fmt.Sprint(row.Cells); strings.Contains(text, s.Status.URL) {
		t.Errorf("the URL is a password and must not be listed: %s", text)
	}
	for _, column := range columns {
		if column.Description == "" {
			t.Errorf("column %s has no description", column.Name)
		}
	}
}

func table(t *testing.T, namespace string) metav1.Table {
	t.Helper()
	body, err := kubernetes.NewForConfigOrDie(env.Cluster(t).Config()).RESTClient().Get().
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

// headings returns the names of the columns with a priority.
func headings(columns []metav1.TableColumnDefinition, priority int32) []string {
	var names []string
	for _, column := range columns {
		if column.Priority == priority {
			names = append(names, column.Name)
		}
	}
	return names
}

// `kubectl explain billingsession --recursive` is the manual: each field has a
// text, and the text begins with the field's name as it is typed.
func TestExplain(t *testing.T) {
	for _, name := range []string{"spec", "status"} {
		explained(t, name, crdSchema(t).Properties[name])
	}
}

func explained(t *testing.T, at string, field apiextensionsv1.JSONSchemaProps) {
	t.Helper()
	if !strings.HasPrefix(field.Description, path.Base(at)) || !strings.HasSuffix(field.Description, ".") {
		t.Errorf("%s is explained as %q, want sentences that begin with its name", at, field.Description)
	}
	for name, child := range field.Properties {
		explained(t, at+"/"+name, child)
	}
}
