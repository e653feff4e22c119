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
	for _, row := range []struct {
		why     string
		command string
		fields  []string
		result  string
		status  int // of the answer to the key 123 afterwards, which was 500 before
	}{
		{"one fault", "misbehave", []string{"fault=status=503"}, "all keys: status=503\n", 503},
		{"several faults", "misbehave", []string{"fault=message=Hello", "fault=throttle=30s"}, "all keys: message=Hello + throttle=30s\n", 429},
		{"for one key, which is not repeated", "misbehave", []string{"key=123", "fault=status=404"}, "key a665a459: status=404\n", 404},
		{"healing", "heal", nil, "healed\n", 200},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t, standin.WithControl(), standin.WithFaults(standin.Status(500)))
			got := s.post("/_standin/"+row.command, row.fields...)
			if got.status != 200 || got.body != row.result {
				t.Errorf("%d %q, want %q", got.status, got.body, row.result)
			}
			if got := s.ask("api_key=123").status; got != row.status {
				t.Errorf("the answer has status %d, want %d", got, row.status)
			}
		})
	}
}

func TestControlRefusesUnknownCommands(t *testing.T) {
	s := start(t, standin.WithControl(), standin.WithFaults(standin.Status(500)))
	for _, row := range []struct {
		why    string
		fields []string
		says   string
	}{
		{"a mistyped field must not remove all faults", []string{"faults=status=503"}, `unknown field "faults"; the fields here are: fault, key`},
		{"a misbehaviour needs a fault", []string{"key=123"}, "fault is required"},
		{"a fault must exist", []string{"fault=meltdown"}, `unknown fault "meltdown"`},
		{"a value may be missing", []string{"fault=status"}, "status must be written as status=503"},
		{"a value may be one too many", []string{"fault=hang-up=now"}, "hang-up must be written as hang-up"},
		{"a code may be none", []string{"fault=status=600"}, "must be an HTTP code from 200 to 599; for example status=503"},
		{"a duration has a unit", []string{"fault=latency=2"}, "must be a duration such as 90s; for example latency=2s"},
	} {
		got := s.post("/_standin/misbehave", row.fields...)
		if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, row.says) {
			t.Errorf("%s: %d %q", row.why, got.status, got.body)
		}
		if got := s.ask("api_key=123").status; got != 500 {
			t.Errorf("%s: a refused command changed something: %d", row.why, got)
		}
	}
}

func TestControlIsOptional(t *testing.T) {
	if got := start(t).open("/_standin/requests"); got.status != http.StatusNotFound {
		t.Errorf("status = %d", got.status)
	}
}

func TestControlGivesAndTakesKeys(t *testing.T) {
	s := start(t, standin.WithControl())
	s.post("/_standin/keys", "add=a", "add=b", "revoke=123")
	if a, b, c := s.ask("api_key=a").status, s.ask("api_key=b").status, s.ask("api_key=123").status; a != 200 || b != 200 || c != 403 {
		t.Errorf("%d, %d and %d", a, b, c)
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

// Each example that the help shows is a fault of that name.
func TestHelpHasExamplesThatWork(t *testing.T) {
	s := start(t, standin.WithControl())
	_, examples, _ := strings.Cut(s.open("/_standin/").body, "The faults:\n\n")
	for line := range strings.Lines(examples) {
		example, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		fault, err := standin.ParseFault(example)
		if err != nil || fault.String() != example {
			t.Errorf("%s became %q, %v", example, fault, err)
		}
	}
	if n := strings.Count(examples, "\n"); n < 15 {
		t.Errorf("only %d examples", n)
	}
}
