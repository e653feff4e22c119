package standin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// These faults leave a grant a grant. Without them the tests of leaks and of short lives would show
// nothing, and pass. What other faults do shows in the outcomes that test/integration waits for.
func TestFaultsThatStillGrant(t *testing.T) {
	for _, row := range []struct {
		fault standin.Fault
		says  string
	}{
		{standin.Life(time.Minute), "<expire>1522895254</expire>"},
		{standin.EchoKey(), "(api_key=123)</message>"},
		{standin.EchoURL(), "(http://127.0.0.1:"},
		{standin.Message("Hello"), "<message>Hello</message>"},
	} {
		t.Run(row.fault.String(), func(t *testing.T) {
			s := start(t)
			s.Misbehave(row.fault)
			if status, text := s.ask("api_key=123"); status != 200 || !strings.Contains(text, row.says) {
				t.Errorf("%d\n%s", status, text)
			}
			if logged := s.Log()[0]; logged.Outcome != standin.Granted || logged.Fault != row.fault.String() {
				t.Errorf("logged as %+v", logged)
			}
		})
	}
}

// The faults of a key come before those of all keys; of two answers the first wins, and the other faults
// change it.
func TestFaultsCombine(t *testing.T) {
	s := start(t, standin.WithKeys("other"))
	s.Misbehave(standin.Status(500), standin.Message("Slow down"))
	s.MisbehaveFor(key, standin.Times(1, standin.Status(501)))
	for _, row := range []struct {
		form   string
		status int
	}{{"api_key=123", 501}, {"api_key=123", 500}, {"api_key=other", 500}} {
		if status, text := s.ask(row.form); status != row.status || !strings.Contains(text, "<message>Slow down<") {
			t.Errorf("%s got %d %s, want %d", row.form, status, text, row.status)
		}
	}
}
