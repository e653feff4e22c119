package standin_test

import (
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestRefusesRequestsThatTheDocumentDoesNotAllow(t *testing.T) {
	for _, row := range []struct {
		why               string
		method, query     string
		contentType, body string
		status            int
		message           string
		countsFor         string
	}{
		{"the document says POST", "GET", "", "", "", 405, "Only POST is allowed here", ""},
		{"a key in the query ends up in the logs of proxies", "POST", "?api_key=123", formType, "", 400, "Parameters belong in the body, not in the query", ""},
		{"the sample's body is a form", "POST", "", "application/json", `{"api_key":"123"}`, 415, "The body must be application/x-www-form-urlencoded", ""},
		{"a broken escape cannot be read", "POST", "", formType, "api_key=%zz", 400, "The body could not be read as a form", ""},
		{"no request needs a body of that size", "POST", "", formType, "api_key=" + strings.Repeat("1", 70_000), 413, "The body is too large", ""},
		{"api_key is required", "POST", "", formType, "expire=600", 422, "api_key is required", ""},
		{"a mistyped parameter must not go unnoticed", "POST", "", formType, "api_key=123&expires=600", 422, "A parameter is unknown; api_key, purge and expire are known", "123"},
		{"two values are ambiguous", "POST", "", formType, "api_key=123&expire=600&expire=60", 422, "expire is given more than once", "123"},
		{"purge has two values", "POST", "", formType, "api_key=123&purge=keep", 422, "purge must be delete or process", "123"},
		{"an empty purge is not an absent purge", "POST", "", formType, "api_key=123&purge=", 422, "purge must be delete or process", "123"},
		{"a lifetime of zero is useless", "POST", "", formType, "api_key=123&expire=0", 422, "expire must be a number of seconds from 1 to 259200", "123"},
		{"three days are the maximum", "POST", "", formType, "api_key=123&expire=259201", 422, "expire must be a number of seconds from 1 to 259200", "123"},
		{"an empty expire is not an absent expire", "POST", "", formType, "api_key=123&expire=", 422, "expire must be a number of seconds from 1 to 259200", "123"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t)
			s.Misbehave(standin.Status(503)) // no fault hides a client's mistake
			status, text := s.do(row.method, standin.Path+row.query, row.contentType, row.body)
			if status != row.status || !strings.Contains(text, "<message>"+row.message+"</message>") {
				t.Errorf("answer = %d %s, want %d %q", status, text, row.status, row.message)
			}
			if len(s.Grants(key)) > 0 {
				t.Error("a URL was granted")
			}
			if logged := s.Log(); len(logged) != 1 || logged[0].Outcome != standin.Invalid || logged[0].Key != standin.KeyID(row.countsFor) {
				t.Errorf("log = %+v", logged)
			}
		})
	}
}
