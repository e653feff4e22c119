package endpoint_test

import (
	"fmt"
	"net/http"
)

func statusRows() []row {
	rows := []row{
		{name: "200", why: "the documented answer is a grant", server: says(sound), want: granted},
		{name: "200 by the schema", why: "the document's schema names another root than its sample", server: says("<billings_response><message>m</message><url>{url}</url><expire>{expire}</expire></billings_response>"), want: granted},
		{name: "401 with a challenge", why: "a challenge is not answered: there is nothing else to answer it with", server: answers(401, "", "WWW-Authenticate", `Basic realm="x"`), want: rejected, says: "HTTP 401"},
		{name: "403 with a message", why: "what the endpoint tells a person is shown", server: answers(403, root("<status>403</status><message>The API key has no access to this resource</message>")), want: rejected, says: "HTTP 403 Forbidden: The API key has no access to this resource"},
		{name: "403 with a grant in the body", why: "the HTTP status decides first, whatever the body says", server: answers(403, sound), want: rejected},
		{name: "500 with status 200 in the body", why: "the body cannot make a grant of an error", server: answers(500, sound), want: unavailable},
		{name: "500 with status 403 in the body", why: "the body's status refines a 200 only", server: answers(500, root("<status>403</status>")), want: unavailable},
		{name: "403 with status 429 in the body", why: "the body's status refines a 200 only", server: answers(403, root("<status>429</status>")), want: rejected},
		{name: "404 with HTML", why: "an error page is no message, and no reason to forget the status", server: answers(404, "<html><body><h1>Not Found</h1></body></html>"), want: rejected, says: "HTTP 404 Not Found"},
		{name: "502 with HTML", why: "gateways answer in HTML", server: answers(502, "<html><hr></html>"), want: unavailable, says: "HTTP 502 Bad Gateway"},
		{name: "403 with a body without end", why: "a status is known before the body, and stays known", server: handles(endless(403)), want: rejected},
		{name: "403 with a body that stops", why: "a status is known even when the body never comes", server: handles(func(_ *stage, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(403)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), config: hurried, want: rejected},
		{name: "429 with a body cut off", why: "a truncated body does not turn a pause into a failure", server: raw("HTTP/1.1 429 Slow\r\nContent-Length: 999\r\nRetry-After: 60\r\n\r\n<documents_resp"), want: throttled, retry: 60e9},
		{name: "500 reason echoes the key", why: "a reason phrase is the server's own text", server: raw("HTTP/1.1 500 {key}\r\nContent-Length: 0\r\n\r\n"), want: unavailable, says: "HTTP 500 Internal Server Error"},
		{name: "200 reason echoes the key", why: "a reason phrase means nothing", server: raw("HTTP/1.1 200 {key}\r\nContent-Length: 0\r\n\r\n"), want: malformed},
		{name: "status 0200 in the body", why: "the schema's integers may have leading zeros", server: says(root("<status>0200</status><url>{url}</url><expire>{expire}</expire>")), want: granted},
		{name: "status +200 in the body", why: "the schema's integers may have a plus", server: says(root("<status> +200\n</status><url>{url}</url><expire>{expire}</expire>")), want: granted},
		{name: "no status in the body", why: "the schema makes it optional", server: says(root("<url>{url}</url><expire>{expire}</expire>")), want: granted},
		{name: "empty status in the body", why: "an empty text is no integer, and no 200", server: says(root("<status/><url>{url}</url><expire>{expire}</expire>")), want: malformed, says: "not a number"},
		{name: "status OK in the body", why: "words are not guessed at", server: says(root("<status>OK</status><url>{url}</url><expire>{expire}</expire>")), want: malformed, says: "not a number"},
		{name: "status 200.0 in the body", why: "a fraction is no integer", server: says(root("<status>200.0</status><url>{url}</url><expire>{expire}</expire>")), want: malformed},
		{name: "status -200 in the body", why: "a negative number is no status", server: says(root("<status>-200</status><url>{url}</url><expire>{expire}</expire>")), want: malformed},
		{name: "status 2 00 in the body", why: "white space inside a number is not dropped", server: says(root("<status>2 00</status><url>{url}</url><expire>{expire}</expire>")), want: malformed},
		{name: "status 18446744073709551816 in the body", why: "2^64+200 must not wrap into 200", server: says(root("<status>18446744073709551816</status><url>{url}</url><expire>{expire}</expire>")), want: malformed},
		{name: "status 4294967496 in the body", why: "2^32+200 must not wrap into 200", server: says(root("<status>4294967496</status><url>{url}</url><expire>{expire}</expire>")), want: malformed},
		{name: "status 4294967699 in the body", why: "2^32+403 must not wrap into 403", server: says(root("<status>4294967699</status>")), want: malformed},
		{name: "status 403 in the body with url and expire", why: "a refusal is believed even with a URL beside it", server: says(root("<status>403</status><message>no</message><url>{url}</url><expire>{expire}</expire>")), want: rejected, says: "status 403: no"},
		{name: "status 429 in the body", why: "throttling may be said in the body, and Retry-After in the header", server: answers(200, root("<status>429</status>"), "Retry-After", "77"), want: throttled, retry: 77e9},
		{name: "status 503 in the body with Retry-After", why: "by the same table as HTTP", server: answers(200, root("<status>503</status>"), "Retry-After", "soon"), want: throttled},
		{name: "status 503 in the body", why: "by the same table as HTTP", server: says(root("<status>503</status>")), want: unavailable},
	}
	for _, status := range []int{400, 401, 402, 403, 404, 405, 406, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 426, 428, 431, 451, 499} {
		rows = append(rows, either(status, rejected, "a client error that waiting does not cure")...)
	}
	for _, status := range []int{407, 408, 409, 425, 500, 501, 502, 503, 504, 505, 511, 520, 529, 599} {
		rows = append(rows, either(status, unavailable, "the same request may succeed later")...)
	}
	rows = append(rows, either(429, throttled, "asked too often")...)
	for _, status := range []int{201, 202, 203, 204, 205, 206, 226, 299, 600, 999} {
		rows = append(rows, either(status, malformed, "the document describes no such answer, so its meaning is not guessed")...)
	}
	for _, status := range []int{0, 1, 100, 199, 301, 302, 307, 399, 1000, 1403} {
		rows = append(rows, inBody(status, malformed, "a status in the body that is no status of an answer"))
	}
	return rows
}

// either says a status both ways: by HTTP with a sound body, and in the body of a 200.
func either(status int, want outcome, why string) []row {
	return []row{
		{name: fmt.Sprintf("HTTP %d", status), why: why, server: byHTTP(status), want: want, says: fmt.Sprint(status)},
		inBody(status, want, why),
	}
}

func inBody(status int, want outcome, why string) row {
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
