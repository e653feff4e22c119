package standin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestControlCommands(t *testing.T) {
	s := start(t, standin.WithControl())
	for _, row := range []struct {
		why, command, form string
		says               string
		status             int // of the next answer
	}{
		{"several faults", "misbehave", "fault=latency=1ms&fault=throttle=30s", "latency=1ms + throttle=30s\n", 429},
		{"a mistyped field must not remove all faults", "misbehave", "faults=status=503", "fault is required", 429},
		{"a fault must exist", "misbehave", "fault=meltdown", `unknown fault "meltdown"`, 429},
		{"a code may be none", "misbehave", "fault=status=600", "fault status: must be an HTTP code from 200 to 599", 429},
		{"a duration has a unit", "misbehave", "fault=life=2", "fault life: must be a duration such as 90s", 429},
		{"healing", "heal", "", "healed\n", 200},
	} {
		if got := s.tell(row.command, row.form); !strings.Contains(got, row.says) {
			t.Errorf("%s: %q", row.why, got)
		}
		if got, _ := s.ask("api_key=123"); got != row.status {
			t.Errorf("%s: the answer has status %d, want %d", row.why, got, row.status)
		}
	}
	_, text := s.open("/_standin/requests")
	var shown struct{ Log []standin.Request }
	if err := json.Unmarshal([]byte(text), &shown); err != nil {
		t.Fatal(err)
	}
	if last := shown.Log[len(shown.Log)-1]; !last.Time.Equal(s.clock.Now()) || last.Key != standin.KeyID(key) || last.Outcome != standin.Granted {
		t.Errorf("the last request is shown as %+v", last)
	}
	if strings.Contains(text, standin.PagePath) {
		t.Error("a URL is shown")
	}
}

func TestControlIsOptional(t *testing.T) {
	if got, _ := start(t).open("/_standin/requests"); got != http.StatusNotFound {
		t.Errorf("status = %d", got)
	}
}
