package endpoint_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

func statusRows() []row {
	rows := []row{
		{name: "200", why: "the documented answer is a grant", server: says(sound), want: granted},
		{name: "200 by the schema", why: "the document's schema names another root than its sample", server: says("<billings_response><message>m</message><url>{url}</url><expire>{expire}</expire></billings_response>"), want: granted},
		{name: "403 with a message", why: "what the endpoint tells a person is shown", server: answers(403, root("<status>403</status><message>The API key has no access to this resource</message>")), want: rejected, says: "HTTP 403 Forbidden: The API key has no access to this resource"},
		{name: "403 with a grant in the body", why: "the HTTP status decides first, whatever the body says", server: answers(403, sound), want: rejected},
		{name: "403 with a body without end", why: "a status is known before the body, and stays known", server: handles(endless(403)), want: rejected},
		{name: "403 with a body that stops", why: "a status is known even when the body never comes", server: handles(func(_ *stage, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(403)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), config: hurried, want: rejected},
		{name: "429 with a body cut off", why: "a truncated body does not turn a pause into a failure", server: raw("HTTP/1.1 429 Slow\r\nContent-Length: 999\r\nRetry-After: 60\r\n\r\n<documents_resp"), want: throttled, retry: 60e9},
		{name: "status 0200 in the body", why: "the schema's integers may have leading zeros", server: says(root("<status>0200</status><url>{url}</url><expire>{expire}</expire>")), want: granted},
		{name: "no status in the body", why: "the schema makes it optional", server: says(root("<url>{url}</url><expire>{expire}</expire>")), want: granted},
		{name: "empty status in the body", why: "an empty text is no integer, and no 200", server: says(root("<status/><url>{url}</url><expire>{expire}</expire>")), want: malformed, says: "not a number"},
		{name: "status 18446744073709551816 in the body", why: "2^64+200 must not wrap into 200", server: says(root("<status>18446744073709551816</status><url>{url}</url><expire>{expire}</expire>")), want: malformed},
		{name: "status 403 in the body with url and expire", why: "a refusal is believed even with a URL beside it", server: says(root("<status>403</status><message>no</message><url>{url}</url><expire>{expire}</expire>")), want: rejected, says: "status 403: no"},
		{name: "status 429 in the body", why: "throttling may be said in the body, and Retry-After in the header", server: answers(200, root("<status>429</status>"), "Retry-After", "77"), want: throttled, retry: 77e9},
	}
	for _, status := range []int{400, 401, 402, 403, 404, 422, 499} {
		rows = append(rows, either(status, rejected, "a client error that waiting does not cure")...)
	}
	for _, status := range []int{407, 408, 409, 425, 500, 503, 599} {
		rows = append(rows, either(status, unavailable, "the same request may succeed later")...)
	}
	rows = append(rows, either(429, throttled, "asked too often")...)
	for _, status := range []int{201, 204, 299, 600} {
		rows = append(rows, either(status, malformed, "the document describes no such answer, so its meaning is not guessed")...)
	}
	for _, status := range []int{0, 100, 302, 1403} {
		rows = append(rows, inBody(status, malformed, "a status in the body that is no status of an answer"))
	}
	return rows
}

// either says a status both ways: by HTTP with a sound body, and in the body of a 200.
func either(status int, want endpoint.Outcome, why string) []row {
	return []row{
		{name: fmt.Sprintf("HTTP %d", status), why: why, server: byHTTP(status), want: want, says: fmt.Sprint(status)},
		inBody(status, want, why),
	}
}

func inBody(status int, want endpoint.Outcome, why string) row {
	body := root(fmt.Sprintf("<status>%d</status><url>{url}</url><expire>{expire}</expire>", status))
	return row{name: fmt.Sprintf("status %d in the body", status), why: why, server: says(body), want: want, says: fmt.Sprint(status)}
}

func byHTTP(status int) server {
	if status == 204 || status == 205 {
		return answers(status, "")
	}
	return answers(status, sound)
}

func endless(status int) func(*stage, http.ResponseWriter, *http.Request) {
	return func(_ *stage, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	}
}

func retryAfterRows() []row {
	after := func(value string, headers ...string) server {
		return answers(429, "", append([]string{"Retry-After", value}, headers...)...)
	}
	dated := func(wait, skew time.Duration) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			date := s.now.Add(skew)
			w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
			w.Header().Set("Retry-After", date.Add(wait).UTC().Format(http.TimeFormat))
			w.WriteHeader(429)
		})
	}
	return []row{
		{name: "seconds", why: "the usual form", server: after("120"), want: throttled, retry: 2 * time.Minute},
		{name: "a day", why: "a wait is an hour at most, or one header stops everything", server: after("86400"), want: throttled, retry: time.Hour},
		{name: "2^64+5 seconds", why: "more than any integer holds must not wrap", server: after("18446744073709551621"), want: throttled, retry: time.Hour},
		{name: "zero", why: "no wait is no advice", server: after("0"), want: throttled},
		{name: "unusable on 503", why: "with Retry-After a 503 is throttling, usable or not", server: answers(503, "", "Retry-After", "later"), want: throttled},
		{name: "usable on 503", why: "maintenance windows are announced so", server: answers(503, "", "Retry-After", "300"), want: throttled, retry: 5 * time.Minute},
		{name: "on 403", why: "with other statuses it is no throttling", server: answers(403, "", "Retry-After", "300"), want: rejected},
		{name: "date", why: "the other form", server: dated(5*time.Minute, 0), want: throttled, retry: 5 * time.Minute},
		{name: "date of a clock years ahead", why: "a date is measured by the clock that wrote it", server: dated(5*time.Minute, 5*365*24*time.Hour), want: throttled, retry: 5 * time.Minute},
		{name: "date of a clock years behind", why: "a date is measured by the clock that wrote it", server: dated(5*time.Minute, -5*365*24*time.Hour), want: throttled, retry: 5 * time.Minute},
		{name: "date in the past", why: "a pause that is over is no advice", server: dated(-time.Minute, 0), want: throttled},
		{name: "date far ahead", why: "clamped like a number", server: dated(48*time.Hour, 0), want: throttled, retry: time.Hour},
		{name: "date without Date", why: "without the server's clock there is ours", server: handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = nil
			w.Header().Set("Retry-After", s.now.Add(2*time.Hour).UTC().Format(http.TimeFormat))
			w.WriteHeader(429)
		}), want: throttled, retry: time.Hour},
		{name: "date of year 9999", why: "a difference beyond a Duration must not wrap", server: after("Fri, 31 Dec 9999 23:59:59 GMT"), want: throttled, retry: time.Hour},
	}
}

func redirectRows() []row {
	var rows []row
	for _, status := range []int{301, 302, 307, 308} {
		rows = append(rows, row{
			name: fmt.Sprint(status), why: "a followed redirect may hand the key to another host: siblings of the endpoint answer 307 so",
			server: answers(status, "", "Location", "{elsewhere}/v1/billings/billing_ui"),
			want:   malformed, says: "--endpoint-url",
		})
	}
	to := func(location string) server { return answers(307, "", "Location", location) }
	const cure = "if the endpoint has moved, change --endpoint-url"
	return append(rows,
		row{name: "to a named host", why: "the host is what a person needs to decide", server: to("https://eu-api.example.com/v1/billings/billing_ui"), want: malformed, says: "a redirect to eu-api.example.com;"},
		row{name: "with the key in the query", why: "only the host is shown", server: to("https://eu-api.example.com/?api_key={key}"), want: malformed, says: cure},
		row{name: "with the granted URL", why: "a 303 to the page itself would be a grant in disguise", server: answers(303, sound, "Location", "{url}"), want: malformed, says: "api-app.xtracta.com"},
		row{name: "to a host that spells the key in hex", why: "a host may echo the key", server: to("https://4b71372b5a782f39773d5274253431.example.com/"), want: malformed, says: "a redirect to another host"},
		row{name: "to an unreadable place", why: "net/http fails here before it asks whether to follow, and puts the Location into its error", server: to("https://%zz{key}/"), want: malformed, says: "not followed"},
	)
}
