package standin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestControlCommands(t *testing.T) {
	s := start(t, standin.WithControl())
	for _, row := range []struct {
		why     string
		command string
		fields  []string
		says    string
		status  int // of the answer to the key 123 afterwards
	}{
		{"several faults", "misbehave", []string{"fault=message=Hello", "fault=throttle=30s"}, "all keys: message=Hello + throttle=30s\n", 429},
		{"for one key, which is not repeated", "misbehave", []string{"key=123", "fault=status=404"}, "key a665a459: status=404\n", 404},
		{"a mistyped field must not remove all faults", "misbehave", []string{"faults=status=503"}, `unknown field "faults"; the fields here are: fault, key`, 404},
		{"a misbehaviour needs a fault", "misbehave", []string{"key=123"}, "fault is required", 404},
		{"a fault must exist", "misbehave", []string{"fault=meltdown"}, `unknown fault "meltdown"`, 404},
		{"a value may be missing", "misbehave", []string{"fault=status"}, "status must be written as status=503", 404},
		{"a code may be none", "misbehave", []string{"fault=status=600"}, "must be an HTTP code from 200 to 599; for example status=503", 404},
		{"a duration has a unit", "misbehave", []string{"fault=latency=2"}, "must be a duration such as 90s; for example latency=2s", 404},
		{"healing", "heal", nil, "healed\n", 200},
		{"keys", "keys", []string{"add=a", "revoke=123"}, "1 added, 1 revoked", 403},
	} {
		if got := s.post("/_standin/"+row.command, row.fields...); !strings.Contains(got.body, row.says) {
			t.Errorf("%s: %d %q", row.why, got.status, got.body)
		}
		if got := s.ask("api_key=123").status; got != row.status {
			t.Errorf("%s: the answer has status %d, want %d", row.why, got, row.status)
		}
	}
}

func TestControlIsOptional(t *testing.T) {
	if got := start(t).open("/_standin/requests"); got.status != http.StatusNotFound {
		t.Errorf("status = %d", got.status)
	}
}

func TestControlShowsRequests(t *testing.T) {
	s := start(t, standin.WithControl())
	granted := s.ask("api_key=123", "purge=delete", "expire=60").grant(t).URL[0]
	s.MisbehaveFor("456", standin.Status(503))
	s.ask("api_key=456")
	got := s.open("/_standin/requests")
	var shown map[string]any
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil {
		t.Fatal(err)
	}
	at := s.clock.Now().Format(time.RFC3339Nano)
	want := map[string]any{"log": []any{
		map[string]any{"time": at, "key": "a665a459", "purge": "delete", "expire": 60.0, "outcome": "granted", "status": 200.0, "life": 60.0},
		map[string]any{"time": at, "key": "b3a8e0e1", "expire": 600.0, "outcome": "faulted", "status": 503.0, "fault": "status=503"},
	}}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if strings.Contains(got.body, granted) {
		t.Error("a URL is shown")
	}
}
