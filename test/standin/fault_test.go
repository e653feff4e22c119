package standin_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestEachFaultDoesWhatItSays(t *testing.T) {
	for _, row := range []struct {
		fault   standin.Fault
		outcome standin.Outcome
		status  int
		says    string
	}{
		{standin.Status(503), standin.Faulted, 503, "<status>503</status>"},
		{standin.Throttle(90 * time.Second), standin.Faulted, 429, "Retry-After: 90"},
		{standin.Throttle(1500 * time.Millisecond), standin.Faulted, 429, "Retry-After: 2"},
		{standin.BodyStatus(401, "The key was revoked"), standin.Faulted, 200, "<message>The key was revoked</message>"},
		{standin.Redirect("https://elsewhere.example/x"), standin.Faulted, 307, "Location: https://elsewhere.example/x"},
		{standin.HTML(), standin.Faulted, 200, "<!doctype html>"},
		{standin.ForeignHost("evil.example"), standin.Faulted, 200, "<url>https://evil.example/v1/billings/index.html?t="},
		{standin.SchemaRoot(), standin.Granted, 200, "<billings_response>"},
		{standin.Message("Hello"), standin.Granted, 200, "<message>Hello</message>"},
		{standin.EchoKey(), standin.Granted, 200, "(api_key=123)</message>"},
		{standin.EchoURL(), standin.Granted, 200, "(http://127.0.0.1:"},
		{standin.Latency(time.Millisecond), standin.Granted, 200, "<url>"},
	} {
		t.Run(row.fault.String(), func(t *testing.T) {
			s := start(t)
			s.Misbehave(row.fault)
			got := s.ask("api_key=123")
			var headers strings.Builder
			_ = got.header.Write(&headers)
			if got.status != row.status || !strings.Contains(headers.String()+got.body, row.says) {
				t.Errorf("%d\n%s%s", got.status, headers.String(), got.body)
			}
			if logged := s.lastRequest(); logged.Outcome != row.outcome || logged.Fault != row.fault.String() || logged.Status != got.status {
				t.Errorf("logged as %+v", logged)
			}
		})
	}
}

func TestLifeLimitsTheExpiry(t *testing.T) {
	s := start(t)
	s.Misbehave(standin.Life(time.Minute))
	if got, want := s.ask("api_key=123").grant(t).Expire, s.clock.Now().Unix()+60; got != want {
		t.Errorf("expire = %d, want %d", got, want)
	}
}

func TestCutOffEndsTheAnswer(t *testing.T) {
	s := start(t)
	s.Misbehave(standin.CutOff())
	if got := s.do(s.request(http.MethodPost, standin.Path, formType, "api_key=123")); !errors.Is(got.err, io.ErrUnexpectedEOF) {
		t.Errorf("error = %v, want unexpected EOF", got.err)
	}
}

// The faults of a key come before those of all keys; of two answers the first wins, and the other faults
// change it.
func TestFaultsCombine(t *testing.T) {
	s := start(t, standin.WithKeys("other"))
	s.Misbehave(standin.Status(500), standin.Message("Slow down"))
	s.MisbehaveFor(key, standin.Status(501))
	if got := s.ask("api_key=123"); got.status != 501 || !strings.Contains(got.body, "<message>Slow down<") {
		t.Errorf("the key got %d %s", got.status, got.body)
	}
	if got := s.ask("api_key=other"); got.status != 500 {
		t.Errorf("the other key got %d", got.status)
	}
	s.Heal()
	if got := s.ask("api_key=123"); got.status != 200 || s.lastRequest().Fault != "" {
		t.Errorf("not healed: %+v", s.lastRequest())
	}
}

func TestTimesLimitsAFaultToThatManyRequests(t *testing.T) {
	s := start(t, standin.WithFaults(standin.Times(2, standin.Status(500)), standin.Times(3, standin.Status(501))))
	var got []int
	for range 4 {
		got = append(got, s.ask("api_key=123").status)
	}
	if diff := cmp.Diff([]int{500, 500, 501, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestSameURLIsGrantedAgainWhileItIsAlive(t *testing.T) {
	s := start(t)
	first := s.ask("api_key=123", "expire=600").grant(t)
	s.Misbehave(standin.SameURL())
	s.clock.Step(599 * time.Second)
	if diff := cmp.Diff(first, s.ask("api_key=123", "expire=600").grant(t)); diff != "" {
		t.Errorf("second answer (-first +second):\n%s", diff)
	}
	s.clock.Step(time.Second)
	if second := s.ask("api_key=123").grant(t); second.URL[0] == first.URL[0] || len(s.Grants(key)) != 2 {
		t.Error("an expired URL was granted again")
	}
}
