package endpoint_test

import (
	"net/http"
	"time"
)

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
		{name: "none", why: "a 429 without advice leaves the wait to the caller", server: answers(429, ""), want: throttled},
		{name: "seconds", why: "the usual form", server: after("120"), want: throttled, retry: 2 * time.Minute},
		{name: "leading zeros", why: "a number is a number", server: after("0120"), want: throttled, retry: 2 * time.Minute},
		{name: "one second", why: "a wait is ten seconds at least, or a loop runs hot", server: after("1"), want: throttled, retry: 10 * time.Second},
		{name: "ten seconds", why: "the lower limit itself", server: after("10"), want: throttled, retry: 10 * time.Second},
		{name: "an hour", why: "the upper limit itself", server: after("3600"), want: throttled, retry: time.Hour},
		{name: "a day", why: "a wait is an hour at most, or one header stops everything", server: after("86400"), want: throttled, retry: time.Hour},
		{name: "9223372037 seconds", why: "more than a Duration holds must not come out negative", server: after("9223372037"), want: throttled, retry: time.Hour},
		{name: "2^64+5 seconds", why: "more than any integer holds must not wrap", server: after("18446744073709551621"), want: throttled, retry: time.Hour},
		{name: "zero", why: "no wait is no advice", server: after("0"), want: throttled},
		{name: "negative", why: "a negative wait is no advice", server: after("-5"), want: throttled},
		{name: "fraction", why: "neither of the two forms", server: after("1.5"), want: throttled},
		{name: "with a unit", why: "neither of the two forms", server: after("60s"), want: throttled},
		{name: "a list", why: "neither of the two forms", server: after("60, 120"), want: throttled},
		{name: "hexadecimal", why: "neither of the two forms", server: after("0x60"), want: throttled},
		{name: "superscript digit", why: "what Unicode calls a digit is none here", server: after("²"), want: throttled},
		{name: "ISO 8601", why: "neither of the two forms", server: after("2030-01-01T00:00:00Z"), want: throttled},
		{name: "the key", why: "a header may echo anything", server: after("{key}"), want: throttled},
		{name: "empty on 429", why: "an empty value is no advice", server: raw("HTTP/1.1 429 x\r\nRetry-After:\r\nContent-Length: 0\r\n\r\n"), want: throttled},
		{name: "empty on 503", why: "with Retry-After a 503 is throttling, usable or not", server: raw("HTTP/1.1 503 x\r\nRetry-After: \r\nContent-Length: 0\r\n\r\n"), want: throttled},
		{name: "unusable on 503", why: "with Retry-After a 503 is throttling, usable or not", server: answers(503, "", "Retry-After", "later"), want: throttled},
		{name: "usable on 503", why: "maintenance windows are announced so", server: answers(503, "", "Retry-After", "300"), want: throttled, retry: 5 * time.Minute},
		{name: "on 500", why: "with other statuses it is no throttling", server: answers(500, "", "Retry-After", "300"), want: unavailable},
		{name: "on 403", why: "with other statuses it is no throttling", server: answers(403, "", "Retry-After", "300"), want: rejected},
		{name: "two of them", why: "the first is as good as the second", server: raw("HTTP/1.1 429 x\r\nRetry-After: 20\r\nRetry-After: 40\r\nContent-Length: 0\r\n\r\n"), want: throttled, retry: 20 * time.Second},
		{name: "lower-case name", why: "names of headers have no case", server: raw("HTTP/1.1 503 x\r\nretry-after: 20\r\nContent-Length: 0\r\n\r\n"), want: throttled, retry: 20 * time.Second},
		{name: "date", why: "the other form", server: dated(5*time.Minute, 0), want: throttled, retry: 5 * time.Minute},
		{name: "date of a clock years ahead", why: "a date is measured by the clock that wrote it", server: dated(5*time.Minute, 5*365*24*time.Hour), want: throttled, retry: 5 * time.Minute},
		{name: "date of a clock years behind", why: "a date is measured by the clock that wrote it", server: dated(5*time.Minute, -5*365*24*time.Hour), want: throttled, retry: 5 * time.Minute},
		{name: "date in the past", why: "a pause that is over is no advice", server: dated(-time.Minute, 0), want: throttled},
		{name: "date now", why: "a pause of zero is no advice", server: dated(0, 0), want: throttled},
		{name: "date far ahead", why: "clamped like a number", server: dated(48*time.Hour, 0), want: throttled, retry: time.Hour},
		{name: "date without Date", why: "without the server's clock there is ours", server: handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = nil
			w.Header().Set("Retry-After", s.now.Add(2*time.Hour).UTC().Format(http.TimeFormat))
			w.WriteHeader(429)
		}), want: throttled, retry: time.Hour},
		{name: "date in the years before", why: "RFC 850 dates are still to be read", server: after("Monday, 02-Jan-06 15:04:05 GMT"), want: throttled},
		{name: "date of year 9999", why: "a difference beyond a Duration must not wrap", server: after("Fri, 31 Dec 9999 23:59:59 GMT"), want: throttled, retry: time.Hour},
		{name: "date of year 1", why: "a difference beyond a Duration must not wrap", server: after("Mon, 01 Jan 0001 00:00:00 GMT"), want: throttled},
	}
}
