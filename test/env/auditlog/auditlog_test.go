package auditlog_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/env/auditlog"
)

func TestLinesCountOnceAndOnlyWhenTheyAreWhole(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	reading, err := auditlog.Read(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reading.Close() }()

	for _, row := range []struct {
		why, added string
		want       []string
	}{
		{"nothing is there yet", "", nil},
		{
			"a subresource is a thing of its own",
			`{"stage":"ResponseComplete","verb":"patch","objectRef":{"resource":"billingsessions","subresource":"status"}}` + "\n",
			[]string{"patch billingsessions/status"},
		},
		{"a line may be half written", `{"stage":"ResponseComplete","verb":"create",`, nil},
		{"and its end comes later", `"objectRef":{"resource":"secrets"}}` + "\n", []string{"create secrets"}},
		{
			"a watch is logged when it begins and when it ends, and counts once",
			`{"stage":"ResponseStarted","verb":"watch","objectRef":{"resource":"secrets"}}` + "\n" +
				`{"stage":"ResponseComplete","verb":"watch","objectRef":{"resource":"secrets"}}` + "\n",
			[]string{"watch secrets"},
		},
		{
			"a watch may begin with a list",
			`{"stage":"ResponseStarted","verb":"watch","requestURI":"/api/v1/secrets?sendInitialEvents=true&watch=true",` +
				`"objectRef":{"resource":"secrets"}}` + "\n",
			[]string{"list secrets"},
		},
		{
			"a list of one object looks at the version, a page of many is a list",
			`{"stage":"ResponseComplete","verb":"list","requestURI":"/api/v1/secrets?labelSelector=a&limit=1","objectRef":{"resource":"secrets"}}` + "\n" +
				`{"stage":"ResponseComplete","verb":"list","requestURI":"/api/v1/secrets?limit=100","objectRef":{"resource":"secrets"}}` + "\n",
			[]string{"check secrets", "list secrets"},
		},
	} {
		if _, err := log.WriteString(row.added); err != nil {
			t.Fatal(err)
		}
		calls, err := reading.Next()
		if err != nil {
			t.Fatalf("%s: %v", row.why, err)
		}
		var got []string
		for _, call := range calls {
			got = append(got, call.What())
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

func TestACallKnowsWhoAskedAndWhen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	line := `{"stage":"ResponseComplete","verb":"get","userAgent":"somebody","responseStatus":{"code":404},` +
		`"objectRef":{"resource":"secrets","namespace":"finance"},` +
		`"requestReceivedTimestamp":"2026-01-02T03:04:05.000006Z","stageTimestamp":"2026-01-02T03:04:06.000007Z"}` + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	reading, err := auditlog.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reading.Close() }()
	got, err := reading.Next()
	if err != nil {
		t.Fatal(err)
	}
	received := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	want := []auditlog.Call{{
		Verb: "get", Resource: "secrets", Namespace: "finance", UserAgent: "somebody", Code: 404,
		Received: received, Answered: received.Add(time.Second + time.Microsecond),
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
