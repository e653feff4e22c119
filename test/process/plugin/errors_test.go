package plugin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
		{"a cluster without the operator", "explain acme --kubeconfig= --server=" + empty.URL, 1, "this cluster knows no BillingSessions: install the operator"},
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
