package endpoint_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

func connectionRows() []row {
	at := func(url string) server {
		return func(*stage, *endpoint.Config) string { return url }
	}
	return []row{
		{name: "refused", why: "nobody listens", server: at("http://127.0.0.1:1/"), want: unavailable, says: "refused"},
		{name: "reads and is silent", why: "a slow backend; the deadline of the call ends it", server: silent(), config: hurried, want: unavailable, says: "within 3s"},
		{name: "reads and resets", why: "a backend that was killed on the request", server: speaks(func(_ *stage, c *net.TCPConn) { reset(c) }), want: unavailable, says: "broke the connection"},
		{name: "sound body that does not end", why: "an answer is over when HTTP says so, not when its root closes", server: speaks(func(s *stage, c *net.TCPConn) {
			_, _ = io.WriteString(c, s.fill("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"+sound))
			untilGone(c)
		}), config: hurried, want: unavailable, says: "within 3s"},
		{name: "abandoned before the answer", why: "a shutdown is no failure of the endpoint", server: handles(func(s *stage, _ http.ResponseWriter, r *http.Request) {
			s.cancel()
			<-r.Context().Done()
		}), want: abandoned},
		{name: "abandoned within the body", why: "a shutdown is no truncated answer", server: handles(func(_ *stage, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "500")
			_, _ = io.WriteString(w, "<documents_response>")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), config: func(config *endpoint.Config, s *stage) { config.Clock = lastLook{config.Clock, s.cancel} }, want: abandoned},
		{name: "the caller's own deadline", why: "a deadline of the caller is the caller's, not the endpoint's", server: func(s *stage, config *endpoint.Config) string {
			s.ctx, s.cancel = context.WithTimeout(s.ctx, 200*time.Millisecond)
			s.t.Cleanup(s.cancel)
			return silent()(s, config)
		}, want: abandoned},
		{name: "echoes the request", why: "the transport's error repeats the first line of what it cannot read", server: raw("POST / api_key={key}&expire=600\r\n\r\n"), want: unavailable},
		{name: "HTTP/1.0 cut off", why: "without a length only the XML tells that something is missing", server: raw("HTTP/1.0 200 OK\r\n\r\n" + sound[:len(sound)-25]), want: unavailable, says: "too early"},
	}
}

// lastLook is a clock that ends the call when it is looked at: when the header of
// the answer is there.
type lastLook struct {
	clock.PassiveClock
	end func()
}

func (c lastLook) Now() time.Time {
	c.end()
	return c.PassiveClock.Now()
}

func headerRows() []row {
	with := func(header string) server {
		return raw("HTTP/1.1 200 OK\r\nDate: {date}\r\n" + header + "\r\nConnection: close\r\n\r\n" + sound)
	}
	return []row{
		{name: "one of a megabyte", why: "a header is bounded", server: with("X: " + strings.Repeat("x", 1<<20)), want: unavailable},
		{name: "a line without colon that echoes the request", why: "the transport's error repeats such a line, and this one is the key", server: with("api_key={key}"), want: unavailable},
		{name: "length too long", why: "fewer bytes than announced are a truncated answer, even if the XML is whole", server: with(fmt.Sprint("Content-Length: ", 5000)), want: unavailable, says: "closed the connection"},
	}
}

func urlIs(url string) func(*stage) wanted {
	return func(s *stage) wanted { return wanted{url: url, expire: s.expire} }
}
