package standin_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
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
		valid   bool // against the schema
		check   check
	}{
		{standin.Status(503), standin.Faulted, false, status(503)},
		{standin.Status(404), standin.Faulted, false, status(404)},
		{standin.Throttle(90 * time.Second), standin.Faulted, false, both(status(429), header("Retry-After", "90"))},
		{standin.Throttle(1500 * time.Millisecond), standin.Faulted, false, header("Retry-After", "2")},
		{standin.Throttle(0), standin.Faulted, false, both(status(429), header("Retry-After", ""))},
		{standin.BodyStatus(401, "The key was revoked"), standin.Faulted, false, both(status(200), says("<status>401</status>", "The key was revoked"))},
		{standin.Redirect("https://elsewhere.example/x"), standin.Faulted, false, both(status(307), header("Location", "https://elsewhere.example/x"))},
		{standin.HTML(), standin.Faulted, false, both(header("Content-Type", "text/html; charset=UTF-8"), says("<!doctype html>"))},
		{standin.Body("text/plain", "hello"), standin.Faulted, false, both(header("Content-Type", "text/plain"), bodyIs("hello"))},
		{standin.Empty(), standin.Faulted, false, both(status(200), bodyIs(""))},
		{standin.Truncated(), standin.Faulted, false, both(status(200), lacks("</documents_response>"))},
		{standin.Doctype(), standin.Faulted, false, says("<!DOCTYPE")},
		{standin.Trailing(), standin.Faulted, false, says("</documents_response>\n<")},
		{standin.Root("invoices_response"), standin.Faulted, false, says("<invoices_response>")},
		{standin.Namespace("urn:elsewhere"), standin.Faulted, false, says(`xmlns="urn:elsewhere"`)},
		{standin.NoURL(), standin.Faulted, false, both(lacks("<url>"), says("<expire>"))},
		{standin.NoExpire(), standin.Faulted, false, both(lacks("<expire>"), says("<url>"))},
		{standin.URL("//host/page"), standin.Faulted, true, says("<url>//host/page</url>")},
		{standin.ForeignHost("evil.example"), standin.Faulted, true, says("<url>https://evil.example/v1/billings/index.html?t=")},
		{standin.DuplicateURL(), standin.Faulted, false, func(s *harness, a answer) error {
			if urls := a.grant(s.t).URL; len(urls) != 2 || urls[0] != urls[1] {
				return fmt.Errorf("%d URLs", len(urls))
			}
			return nil
		}},
		{standin.Expire("soon"), standin.Faulted, false, says("<expire>soon</expire>")},
		{standin.ExpirePast(), standin.Faulted, true, expiresIn(-time.Hour)},
		{standin.ExpireFar(), standin.Faulted, true, expiresIn(10 * 365 * 24 * time.Hour)},
		{standin.ExpireRelative(), standin.Faulted, true, says("<expire>700</expire>")},
		{standin.Huge(100_000), standin.Faulted, true, says(strings.Repeat("x", 100_000))},
		{standin.Life(time.Minute), standin.Granted, true, expiresIn(time.Minute)},
		{standin.Life(time.Hour), standin.Granted, true, expiresIn(700 * time.Second)},
		{standin.NoStatus(), standin.Granted, true, lacks("<status>")},
		{standin.Padded(), standin.Granted, true, says("<status> +00200")},
		{standin.Message("Hello"), standin.Granted, true, says("<message>Hello</message>")},
		{standin.EchoKey(), standin.Granted, true, says("(api_key=123)</message>")},
		{standin.EchoURL(), standin.Granted, true, func(s *harness, a answer) error {
			return says("("+a.grant(s.t).URL[0]+")</message>")(s, a)
		}},
		{standin.Header("X-Noise", "loud"), standin.Granted, true, header("X-Noise", "loud")},
		{standin.Header("Date", "yesterday"), standin.Granted, true, header("Date", "yesterday")},
		{standin.NoDate(), standin.Granted, true, header("Date", "")},
		{standin.Gzip(), standin.Granted, true, status(200)}, // the client decompresses it
		{standin.Latency(time.Millisecond), standin.Granted, true, status(200)},
		{standin.Stall(time.Millisecond), standin.Faulted, true, says("</documents_response>")},
		{standin.Fault{}, standin.Granted, true, status(200)},
	}
	for _, row := range rows {
		t.Run(row.fault.String(), func(t *testing.T) {
			s := start(t)
			s.Misbehave(row.fault)
			got := s.ask("api_key=123", "expire=700")
			if err := row.check(s, got); err != nil {
				t.Errorf("%v\n%d %v\n%.600s", err, got.status, got.header, got.body)
			}
			if err := readSchema(t).validate(got.body); (err == nil) != row.valid {
				t.Errorf("valid: %v, want %t\n%s", err, row.valid, got.body)
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
	t.Run("the server survives a hang-up", func(t *testing.T) {
		s := start(t)
		s.Misbehave(standin.Times(1, standin.HangUp()))
		_, _ = s.try(s.request(http.MethodPost, standin.Path, formType, "api_key=123"))
		if got := s.ask("api_key=123"); got.status != 200 || s.InFlight() > 1 {
			t.Errorf("status = %d with %d in flight", got.status, s.InFlight())
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
	t.Run("a decompression bomb is small on the wire", func(t *testing.T) {
		s := start(t)
		s.Misbehave(standin.Huge(1<<20), standin.Gzip())
		request := s.request(http.MethodPost, standin.Path, formType, "api_key=123")
		request.Header.Set("Accept-Encoding", "gzip") // explicitly, so that the client does not decompress
		if got := s.do(request); len(got.body) > 1<<14 || got.header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%d bytes, %v", len(got.body), got.header)
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
	s := start(t, standin.WithFaults(standin.Times(2, standin.Status(500))), standin.WithFaults(standin.Times(3, standin.Status(501))))
	var got []int
	for range 4 {
		got = append(got, s.ask("api_key=123").status)
	}
	if diff := cmp.Diff([]int{500, 500, 501, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestSometimesHasItsProbabilityAndIsRepeatable(t *testing.T) {
	failures := func(seed uint64) (at []int) {
		s := start(t, standin.WithSeed(seed), standin.WithFaults(standin.Sometimes(0.25, standin.Status(500))))
		for i := range 400 {
			if s.ask("api_key=123").status == 500 {
				at = append(at, i)
			}
		}
		return at
	}
	first := failures(7)
	if len(first) < 60 || len(first) > 140 {
		t.Errorf("%d of 400 failed, want about 100", len(first))
	}
	if diff := cmp.Diff(first, failures(7)); diff != "" {
		t.Errorf("the same seed fails at other requests:\n%s", diff)
	}
	if cmp.Equal(first, failures(8)) {
		t.Error("another seed fails at the same requests")
	}
}

func TestRateLimitsSayWhenToRetry(t *testing.T) {
	type step struct {
		after      time.Duration
		key        string
		status     int
		retryAfter string
	}
	for _, row := range []struct {
		why   string
		fault standin.Fault
		steps []step
	}{
		{"the window slides with the requests", standin.RateLimit(2, time.Minute), []step{
			{0, key, 200, ""},
			{20 * time.Second, key, 200, ""},
			{10 * time.Second, key, 429, "30"},
			{29 * time.Second, key, 429, "1"},
			{1 * time.Second, key, 200, ""},
			{0, key, 429, "20"},
		}},
		{"throttled requests do not count", standin.RateLimit(1, time.Minute), []step{
			{0, key, 200, ""}, {59 * time.Second, key, 429, "1"}, {time.Second, key, 200, ""},
		}},
		{"each key has its own", standin.RateLimit(1, time.Minute), []step{
			{0, key, 200, ""}, {0, "other", 200, ""}, {0, key, 429, "60"},
		}},
		{"a shared limit counts all keys", standin.SharedRateLimit(1, time.Minute), []step{
			{0, key, 200, ""}, {15 * time.Second, "other", 429, "45"},
		}},
		{"a limit of zero lets nothing through", standin.RateLimit(0, time.Minute), []step{{0, key, 429, "60"}}},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t, standin.WithKeys("other"), standin.WithFaults(row.fault))
			for i, step := range row.steps {
				s.clock.Step(step.after)
				got := s.ask("api_key=" + step.key)
				if got.status != step.status || got.header.Get("Retry-After") != step.retryAfter {
					t.Errorf("step %d: %d, Retry-After %q; want %d, %q", i, got.status, got.header.Get("Retry-After"), step.status, step.retryAfter)
				}
				if want := map[int]string{200: "", 429: row.fault.String()}[step.status]; s.lastRequest().Fault != want {
					t.Errorf("step %d: logged fault %q, want %q", i, s.lastRequest().Fault, want)
				}
			}
		})
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

func TestDateIsTheServersClock(t *testing.T) {
	s := start(t)
	for range 3 {
		s.clock.Step(time.Hour)
		if err := header("Date", s.clock.Now().UTC().Format(http.TimeFormat))(s, s.ask("api_key=123")); err != nil {
			t.Error(err)
		}
	}
}

func TestCountsEachKey(t *testing.T) {
	s := start(t, standin.AcceptAnyKey())
	for i := range 6 {
		s.ask("api_key=key-" + strconv.Itoa(i%3%2))
	}
	if got := []int{s.Requests("key-0"), s.Requests("key-1"), s.Requests("key-2"), s.Total()}; !cmp.Equal(got, []int{4, 2, 0, 6}) {
		t.Errorf("counts = %v", got)
	}
}
