package standin_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/xtracta/billing-operator/test/standin"
)

// check checks what a client sees of a fault.
type check func(*harness, answer) error

func TestEachFaultDoesWhatItSays(t *testing.T) {
	rows := []struct {
		fault   standin.Fault
		outcome standin.Outcome
		check   check
	}{
		{standin.Status(503), standin.Faulted, both(status(503), says("<status>503</status>"))},
		{standin.Throttle(90 * time.Second), standin.Faulted, both(status(429), header("Retry-After", "90"))},
		{standin.Throttle(1500 * time.Millisecond), standin.Faulted, header("Retry-After", "2")},
		{standin.Throttle(0), standin.Faulted, both(status(429), header("Retry-After", ""))},
		{standin.BodyStatus(401, "The key was revoked"), standin.Faulted, both(status(200), says("<status>401</status>", "The key was revoked"))},
		{standin.Redirect("https://elsewhere.example/x"), standin.Faulted, both(status(307), header("Location", "https://elsewhere.example/x"))},
		{standin.HTML(), standin.Faulted, both(header("Content-Type", "text/html; charset=UTF-8"), says("<!doctype html>"))},
		{standin.Empty(), standin.Faulted, both(status(200), bodyIs(""))},
		{standin.Truncated(), standin.Faulted, both(status(200), lacks("</documents_response>"))},
		{standin.Doctype(), standin.Faulted, says("<!DOCTYPE")},
		{standin.NoURL(), standin.Faulted, both(lacks("<url>"), says("<expire>"))},
		{standin.ForeignHost("evil.example"), standin.Faulted, says("<url>https://evil.example/v1/billings/index.html?t=")},
		{standin.DuplicateURL(), standin.Faulted, func(s *harness, a answer) error {
			if urls := a.grant(s.t).URL; len(urls) != 2 || urls[0] != urls[1] {
				return fmt.Errorf("%d URLs", len(urls))
			}
			return nil
		}},
		{standin.Expire("soon"), standin.Faulted, says("<expire>soon</expire>")},
		{standin.ExpirePast(), standin.Faulted, expiresIn(-time.Hour)},
		{standin.Life(time.Minute), standin.Granted, expiresIn(time.Minute)},
		{standin.Life(time.Hour), standin.Granted, expiresIn(700 * time.Second)},
		{standin.SchemaRoot(), standin.Granted, says("<billings_response>")},
		{standin.NoStatus(), standin.Granted, lacks("<status>")},
		{standin.Padded(), standin.Granted, says("<status> +00200")},
		{standin.Message("Hello"), standin.Granted, says("<message>Hello</message>")},
		{standin.EchoKey(), standin.Granted, says("(api_key=123)</message>")},
		{standin.EchoURL(), standin.Granted, func(s *harness, a answer) error {
			return says("("+a.grant(s.t).URL[0]+")</message>")(s, a)
		}},
		{standin.Header("Date", "yesterday"), standin.Granted, header("Date", "yesterday")},
		{standin.NoDate(), standin.Granted, header("Date", "")},
		{standin.Latency(time.Millisecond), standin.Granted, status(200)},
		{standin.Fault{}, standin.Granted, status(200)},
	}
	for _, row := range rows {
		t.Run(row.fault.String(), func(t *testing.T) {
			s := start(t)
			s.Misbehave(row.fault)
			got := s.ask("api_key=123", "expire=700")
			if err := row.check(s, got); err != nil {
				t.Errorf("%v\n%d %v\n%.600s", err, got.status, got.header, got.body)
			}
			logged := s.lastRequest()
			if logged.Outcome != row.outcome || logged.Fault != row.fault.String() || logged.Status != got.status {
				t.Errorf("logged as %+v", logged)
			}
			s.Heal()
			if got := s.ask("api_key=123"); got.status != 200 || s.lastRequest().Outcome != standin.Granted || s.lastRequest().Fault != "" {
				t.Errorf("not healed: %+v", s.lastRequest())
			}
		})
	}
}

func status(want int) check {
	return func(_ *harness, a answer) error { return differs("status", want, a.status) }
}

func header(name, want string) check {
	return func(_ *harness, a answer) error { return differs(name, want, a.header.Get(name)) }
}

func bodyIs(want string) check {
	return func(_ *harness, a answer) error { return differs("body", want, a.body) }
}

func differs(what string, want, got any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return nil
}

func says(all ...string) check {
	return func(_ *harness, a answer) error {
		for _, text := range all {
			if !strings.Contains(a.body, text) {
				return fmt.Errorf("the body lacks %.100q", text)
			}
		}
		return nil
	}
}

func lacks(text string) check {
	return func(_ *harness, a answer) error {
		if strings.Contains(a.body, text) {
			return fmt.Errorf("the body has %q", text)
		}
		return nil
	}
}

func both(first, second check) check {
	return func(s *harness, a answer) error { return errors.Join(first(s, a), second(s, a)) }
}

func expiresIn(d time.Duration) check {
	return func(s *harness, a answer) error {
		return differs("expire", s.clock.Now().Add(d).Unix(), a.grant(s.t).Expire)
	}
}

func TestConnectionsBreak(t *testing.T) {
	t.Run("before the answer", func(t *testing.T) {
		s := start(t)
		s.Misbehave(standin.HangUp())
		_, err := s.try(s.request(http.MethodPost, standin.Path, formType, "api_key=123"))
		if !errors.Is(err, io.EOF) {
			t.Errorf("error = %v, want EOF", err)
		}
		if got := s.lastRequest(); got.Outcome != standin.Faulted || got.Status != 0 {
			t.Errorf("logged as %+v", got)
		}
	})
	t.Run("in the middle of the answer", func(t *testing.T) {
		s := start(t)
		s.Misbehave(standin.CutOff())
		got := s.do(s.request(http.MethodPost, standin.Path, formType, "api_key=123"))
		if !errors.Is(got.err, io.ErrUnexpectedEOF) {
			t.Errorf("error = %v, want unexpected EOF", got.err)
		}
	})
}

func TestFaultsCombine(t *testing.T) {
	t.Run("a fault may change the answer of another one", func(t *testing.T) {
		s := start(t)
		s.Misbehave(standin.Header("Retry-After", "soon"), standin.Status(429), standin.Message("Slow down"))
		got := s.ask("api_key=123")
		if err := both(both(status(429), header("Retry-After", "soon")), says("<message>Slow down<"))(s, got); err != nil {
			t.Error(err)
		}
	})
	t.Run("of two answers the first wins", func(t *testing.T) {
		s := start(t)
		s.Misbehave(standin.Status(500), standin.Status(501))
		if got := s.ask("api_key=123"); got.status != 500 {
			t.Errorf("status = %d", got.status)
		}
	})
	t.Run("the faults of a key come before those of all keys", func(t *testing.T) {
		s := start(t)
		s.Misbehave(standin.Status(500), standin.NoDate())
		s.MisbehaveFor(key, standin.Status(501))
		got := s.ask("api_key=123")
		if err := both(status(501), header("Date", ""))(s, got); err != nil {
			t.Error(err)
		}
	})
}

func TestFaultsOfOneKeyDoNotConcernOthers(t *testing.T) {
	s := start(t, standin.WithKeys("other"))
	s.MisbehaveFor(key, standin.Status(500))
	if got := s.ask("api_key=other"); got.status != 200 {
		t.Errorf("the other key got %d", got.status)
	}
	if got := s.ask("api_key=123"); got.status != 500 {
		t.Errorf("the key got %d", got.status)
	}
	s.MisbehaveFor(key)
	if got := s.ask("api_key=123"); got.status != 200 {
		t.Errorf("the healed key got %d", got.status)
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
	if second := s.ask("api_key=123").grant(t); second.URL[0] == first.URL[0] {
		t.Error("an expired URL was granted again")
	}
	if got := len(s.Grants(key)); got != 2 {
		t.Errorf("%d grants, want 2", got)
	}
}

func TestRefusedKeysMisbehaveToo(t *testing.T) {
	s := start(t)
	s.Misbehave(standin.EchoKey())
	got := s.ask("api_key=unknown")
	if err := both(status(403), says("api_key=unknown"))(s, got); err != nil {
		t.Error(err)
	}
	s.Misbehave(standin.Status(503))
	if got := s.ask("api_key=unknown"); got.status != 503 {
		t.Errorf("status = %d, although an endpoint that is down cannot check keys", got.status)
	}
}
