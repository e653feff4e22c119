package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestTableLooksAsKubectlPrintsIt(t *testing.T) {
	table := &metav1.Table{
		ColumnDefinitions: []metav1.TableColumnDefinition{
			{Name: "Name"}, {Name: "Ready"}, {Name: "Details", Priority: 1}, {Name: "Renews"}, {Name: "Age"},
		},
		Rows: []metav1.TableRow{
			{Cells: []any{"acme", "True", "not shown", "2031-03-02T11:22:10Z", "5s"}},
			{Cells: []any{"globex-with-a-long-name", "False", nil, nil, "3d"}},
		},
	}
	want := "" +
		"NAME                      READY   RENEWS                 AGE\n" +
		"acme                      True    2031-03-02T11:22:10Z   5s\n" +
		"globex-with-a-long-name   False                          3d\n"
	if diff := cmp.Diff(want, formatTable(table)); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
