package standin_test

import (
	"encoding/json"
	"net/http"
	"regexp"
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
		status  []int // of the answers to the key 123 afterwards
	}{
		{"one fault", "misbehave", []string{"fault=status=503"}, "all keys: status=503\n", []int{503, 503}},
		{"several faults", "misbehave", []string{"fault=no-date", "fault=status=503"}, "all keys: no-date + status=503\n", []int{503}},
		{"for a few requests", "misbehave", []string{"fault=times=1 throttle=30s"}, "all keys: times=1 throttle=30s\n", []int{429, 200}},
		{"for one key, which is not repeated", "misbehave", []string{"key=123", "fault=status=500"}, "key a665a459: status=500\n", []int{500}},
		{"for another key", "misbehave", []string{"key=456", "fault=status=500"}, "key b3a8e0e1: status=500\n", []int{200}},
		{"a key is revoked", "keys", []string{"revoke=123"}, "0 added, 1 revoked\n", []int{403}},
		{"healing without a fault does nothing", "heal", nil, "healed\n", []int{200}},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t, standin.WithControl())
			got := s.post("/_standin/"+row.command, row.fields...)
			if got.status != 200 || got.body != row.result {
				t.Errorf("%d %q, want %q", got.status, got.body, row.result)
			}
			for i, want := range row.status {
				if got := s.ask("api_key=123").status; got != want {
					t.Errorf("answer %d has status %d, want %d", i, got, want)
				}
			}
		})
	}
}

func TestControlHeals(t *testing.T) {
	s := start(t, standin.WithControl(), standin.WithKeys("456"))
	s.MisbehaveFor(key, standin.Status(500))
	s.MisbehaveFor("456", standin.Status(500))
	s.post("/_standin/heal", "key=123")
	if a, b := s.ask("api_key=123").status, s.ask("api_key=456").status; a != 200 || b != 500 {
		t.Errorf("healed one key: %d and %d", a, b)
	}
	s.post("/_standin/heal")
	if got := s.ask("api_key=456").status; got != 200 {
		t.Errorf("healed all: %d", got)
	}
}

func TestControlSetsTheClock(t *testing.T) {
	s := start(t, standin.WithControl())
	s.post("/_standin/clock", "offset=-1h")
	if err := expiresIn(10*time.Minute-time.Hour)(s, s.ask("api_key=123")); err != nil {
		t.Error(err)
	}
}

func TestControlAddsKeys(t *testing.T) {
	s := start(t, standin.WithControl())
	s.post("/_standin/keys", "add=a", "add=b", "revoke=123")
	if a, b, c := s.ask("api_key=a").status, s.ask("api_key=b").status, s.ask("api_key=123").status; a != 200 || b != 200 || c != 403 {
		t.Errorf("%d, %d and %d", a, b, c)
	}
}

func TestControlRefusesUnknownCommands(t *testing.T) {
	for _, row := range []struct {
		why     string
		command string
		fields  []string
		says    string
	}{
		{"a mistyped field must not remove all faults", "misbehave", []string{"faults=status=503"}, `unknown field "faults"; the fields here are: fault, key`},
		{"a misbehaviour needs a fault", "misbehave", []string{"key=123"}, "fault is required"},
		{"a fault must exist", "misbehave", []string{"fault=meltdown"}, `unknown fault "meltdown"`},
		{"an offset is a duration", "clock", []string{"offset=tomorrow"}, "offset must be a duration such as -1h"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t, standin.WithControl())
			s.Misbehave(standin.Status(500))
			got := s.post("/_standin/"+row.command, row.fields...)
			if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, row.says) {
				t.Errorf("%d %q", got.status, got.body)
			}
			if got := s.ask("api_key=123").status; got != 500 {
				t.Errorf("a refused command changed something: %d", got)
			}
		})
	}
}

func TestControlShowsRequests(t *testing.T) {
	s := start(t, standin.WithControl())
	granted := s.ask("api_key=123", "purge=delete", "expire=60").grant(t).URL[0]
	s.open(granted)
	s.MisbehaveFor("456", standin.Status(503))
	s.ask("api_key=456")
	got := s.open(s.base + "/_standin/requests")
	var shown map[string]any
	if err := json.Unmarshal([]byte(got.body), &shown); err != nil {
		t.Fatal(err)
	}
	at := s.clock.Now().Format(time.RFC3339Nano)
	want := map[string]any{
		"total": 2.0, "inFlight": 0.0, "visits": 1.0,
		"keys": map[string]any{"a665a459": 1.0, "b3a8e0e1": 1.0},
		"log": []any{
			map[string]any{"time": at, "key": "a665a459", "purge": "delete", "expire": 60.0, "outcome": "granted", "status": 200.0, "life": 60.0},
			map[string]any{"time": at, "key": "b3a8e0e1", "expire": 600.0, "outcome": "faulted", "status": 503.0, "fault": "status=503"},
		},
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if strings.Contains(got.body, granted) {
		t.Error("a URL is shown")
	}
}

func TestControlHelpHasExamplesThatWork(t *testing.T) {
	s := start(t, standin.WithControl())
	help := s.open(s.base + "/_standin/").body
	examples := regexp.MustCompile(`(?m)^  curl .*/_standin/(\w+)$`).FindAllStringSubmatch(help, -1)
	if len(examples) < 8 {
		t.Fatalf("%d examples in:\n%s", len(examples), help)
	}
	for _, example := range examples {
		for _, fault := range regexp.MustCompile(`fault=('[^']*'|\S+)`).FindAllStringSubmatch(example[0], -1) {
			if _, err := standin.ParseFault(strings.Trim(fault[1], "'")); err != nil {
				t.Errorf("%s: %v", example[0], err)
			}
		}
	}
}
