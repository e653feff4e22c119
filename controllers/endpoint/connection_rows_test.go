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
		{name: "no such name", why: "the reserved name invalid is never resolved", server: at("https://api-app.invalid/"), want: unavailable},
		{name: "accepts and closes", why: "a load balancer without backends", server: listens(func(*stage, *net.TCPConn) {}), want: unavailable},
		{name: "reads and is silent", why: "a slow backend; the deadline of the call ends it", server: silent(), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "reads and resets", why: "a backend that was killed on the request", server: speaks(func(_ *stage, c *net.TCPConn) { reset(c) }), want: unavailable, says: "broke the connection"},
		{name: "header without end", why: "each byte renews hope but not the deadline", server: speaks(func(_ *stage, c *net.TCPConn) { drip(c, "HTTP/1.1 200 OK\r\nX-Slow: ", "a") }), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "body that stops", why: "a header is no answer", server: speaks(func(s *stage, c *net.TCPConn) {
			_, _ = io.WriteString(c, s.fill("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<documents_response><url>{url}</url>"))
			untilGone(c)
		}), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "sound body that does not end", why: "an answer is over when HTTP says so, not when its root closes", server: speaks(func(s *stage, c *net.TCPConn) {
			_, _ = io.WriteString(c, s.fill("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"+sound))
			untilGone(c)
		}), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "reset within the body", why: "part of an answer is none", server: speaks(func(s *stage, c *net.TCPConn) {
			_, _ = io.WriteString(c, s.fill("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<documents_response><url>{url}</url>"))
			reset(c)
		}), want: unavailable},
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
		{name: "abandoned before the request", why: "nothing is sent after a shutdown", server: func(s *stage, config *endpoint.Config) string {
			s.cancel()
			return says(sound)(s, config)
		}, want: abandoned},
		{name: "the caller's own deadline", why: "a deadline of the caller is the caller's, not the endpoint's", server: func(s *stage, config *endpoint.Config) string {
			s.ctx, s.cancel = context.WithTimeout(s.ctx, 200*time.Millisecond)
			s.t.Cleanup(s.cancel)
			return silent()(s, config)
		}, want: abandoned},
		{name: "echoes the request", why: "the transport's error repeats the first line of what it cannot read", server: raw("POST / api_key={key}&expire=600\r\n\r\n"), want: unavailable},
		{name: "HTTP/1.0 cut off", why: "without a length only the XML tells that something is missing", server: raw("HTTP/1.0 200 OK\r\n\r\n" + sound[:len(sound)-25]), want: unavailable, says: "too early"},
		{name: "status of letters", why: "nothing to decide on", server: raw("HTTP/1.1 {key} OK\r\n\r\n"), want: unavailable},
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

// drip writes the beginning, then a little again and again until nobody listens.
func drip(connection net.Conn, beginning, little string) {
	_, err := io.WriteString(connection, beginning)
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for ; err == nil; <-ticks.C {
		_, err = io.WriteString(connection, little)
	}
}

func headerRows() []row {
	with := func(header string) server {
		return raw("HTTP/1.1 200 OK\r\nDate: {date}\r\n" + header + "\r\nConnection: close\r\n\r\n" + sound)
	}
	return []row{
		{name: "one of 31 KiB", why: "proxies add to headers", server: with("X: " + strings.Repeat("x", 31<<10)), want: granted},
		{name: "one of a megabyte", why: "a header is bounded", server: with("X: " + strings.Repeat("x", 1<<20)), want: unavailable},
		{name: "a line without colon that echoes the request", why: "the transport's error repeats such a line, and this one is the key", server: with("api_key={key}"), want: unavailable},
		{name: "a value with the key", why: "unknown headers are ignored", server: with("X-Debug: api_key={key}"), want: granted},
		{name: "cookies", why: "nothing is kept between calls", server: with("Set-Cookie: session={token}; Domain=.xtracta.com"), want: granted},
		{name: "length too long", why: "fewer bytes than announced are a truncated answer, even if the XML is whole", server: with(fmt.Sprint("Content-Length: ", 5000)), want: unavailable, says: "closed the connection"},
		{name: "length of letters that echo the key", why: "the transport's error repeats the length", server: with("Content-Length: {key}"), want: unavailable},
		{name: "unknown transfer encoding", why: "where the body ends cannot be known", server: with("Transfer-Encoding: {key}"), want: unavailable},
		{name: "chunk of a wrong size", why: "where the body ends cannot be known", server: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{key}\r\n<documents_response>"), want: unavailable},
	}
}

func urlIs(url string) func(*stage) wanted {
	return func(s *stage) wanted { return wanted{url: url, expire: s.expire} }
}
