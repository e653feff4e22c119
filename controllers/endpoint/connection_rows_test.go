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
		{name: "accepts and resets", why: "a firewall that rejects late", server: listens(func(_ *stage, c *net.TCPConn) { reset(c) }), want: unavailable},
		{name: "accepts and is silent", why: "a stuck backend; the deadline of the call ends it", server: listens(func(_ *stage, c *net.TCPConn) { untilGone(c) }), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "reads and is silent", why: "a slow backend; the deadline of the call ends it", server: silent(), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "reads and closes", why: "a backend that crashed on the request", server: raw(""), want: unavailable, says: "closed the connection"},
		{name: "reads and resets", why: "a backend that was killed on the request", server: speaks(func(_ *stage, c *net.TCPConn) { reset(c) }), want: unavailable, says: "broke the connection"},
		{name: "header without end", why: "each byte renews hope but not the deadline", server: speaks(func(_ *stage, c *net.TCPConn) { drip(c, "HTTP/1.1 200 OK\r\nX-Slow: ", "a") }), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "body without end", why: "each byte renews hope but not the deadline", server: speaks(func(_ *stage, c *net.TCPConn) { drip(c, "HTTP/1.1 200 OK\r\n\r\n<documents_response>", " ") }), config: hurried, want: unavailable, says: "within 200ms"},
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
		{name: "speaks first", why: "a mail server or the like behind the port", server: listens(func(_ *stage, c *net.TCPConn) {
			_, _ = io.WriteString(c, "220 mail.example.com ESMTP\r\n")
			untilGone(c)
		}), want: unavailable},
		{name: "speaks SSH", why: "what is not HTTP is no answer", server: raw("SSH-2.0-OpenSSH_9.6\r\n"), want: unavailable},
		{name: "echoes the request", why: "the transport's error repeats the first line of what it cannot read", server: raw("POST / api_key={key}&expire=600\r\n\r\n"), want: unavailable},
		{name: "HTTP/0.9", why: "XML without a header is no HTTP", server: raw(sound), want: unavailable},
		{name: "HTTP/1.0", why: "old proxies speak it", server: raw("HTTP/1.0 200 OK\r\nDate: {date}\r\n\r\n" + sound), want: granted},
		{name: "HTTP/1.0 cut off", why: "without a length only the XML tells that something is missing", server: raw("HTTP/1.0 200 OK\r\n\r\n" + sound[:len(sound)-25]), want: unavailable, says: "too early"},
		{name: "HTTP/9.9", why: "no version that there is", server: raw("HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n"), want: malformed},
		{name: "status line without a status", why: "nothing to decide on", server: raw("HTTP/1.1\r\n\r\n"), want: unavailable},
		{name: "status of letters", why: "nothing to decide on", server: raw("HTTP/1.1 {key} OK\r\n\r\n"), want: unavailable},
		{name: "status of two digits", why: "nothing to decide on", server: raw("HTTP/1.1 20 OK\r\n\r\n"), want: unavailable},
		{name: "status -20", why: "nothing to decide on", server: raw("HTTP/1.1 -20 OK\r\n\r\n"), want: unavailable},
		{name: "status 000", why: "a status of no class", server: raw("HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"), want: malformed},
		{name: "100 before the answer", why: "informational answers come before the answer", server: raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nDate: {date}\r\n\r\n" + sound), want: granted},
		{name: "103 before the answer", why: "informational answers come before the answer", server: raw("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nDate: {date}\r\n\r\n" + sound), want: granted},
		{name: "1xx without end", why: "the header's limit holds for all headers of a call", server: raw(strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 10000)), want: unavailable},
		{name: "1xx and nothing", why: "an informational answer is none", server: raw("HTTP/1.1 102 Processing\r\n\r\n"), want: unavailable},
		{name: "101", why: "no other protocol was asked for", server: raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n" + sound), want: malformed},
		{name: "answers before it reads", why: "an early answer counts, as the request may never be read", server: listens(func(s *stage, c *net.TCPConn) {
			one := make([]byte, 1)
			_, _ = c.Read(one)
			_, _ = io.WriteString(c, s.fill("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
			untilGone(c)
		}), want: rejected},
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
		{name: "one of a megabyte", why: "a header is bounded", server: with("X: " + strings.Repeat("x", 1<<20)), want: unavailable},
		{name: "a hundred thousand", why: "headers are bounded together", server: with(strings.Repeat("X: x\r\n", 100000) + "Y: y"), want: unavailable},
		{name: "a line without colon that echoes the request", why: "the transport's error repeats such a line, and this one is the key", server: with("api_key={key}"), want: unavailable},
		{name: "a line without colon that echoes the token", why: "the transport's error repeats such a line", server: with("{token}"), want: unavailable},
		{name: "a value with the key", why: "unknown headers are ignored", server: with("X-Debug: api_key={key}"), want: granted},
		{name: "cookies", why: "nothing is kept between calls", server: with("Set-Cookie: session={token}; Domain=.xtracta.com"), want: granted},
		{name: "folded", why: "obsolete line folding is one header still", server: with("X-Folded: a\r\n b"), want: granted},
		{name: "bare line feeds", why: "sloppy servers end lines so", server: raw("HTTP/1.1 200 OK\nDate: {date}\n\n" + sound), want: granted},
		{name: "length too long", why: "fewer bytes than announced are a truncated answer, even if the XML is whole", server: with(fmt.Sprint("Content-Length: ", 5000)), want: unavailable, says: "closed the connection"},
		{name: "length too short", why: "what is beyond the length is not part of the answer", server: with("Content-Length: 60"), want: unavailable, says: "too early"},
		{name: "length negative", why: "no length at all", server: with("Content-Length: -1"), want: unavailable},
		{name: "length of letters that echo the key", why: "the transport's error repeats the length", server: with("Content-Length: {key}"), want: unavailable},
		{name: "length beyond 2^64", why: "no length at all", server: with("Content-Length: 99999999999999999999"), want: unavailable},
		{name: "two lengths", why: "whoever believes the other sees another answer", server: with("Content-Length: 60\r\nContent-Length: 61"), want: unavailable},
		{name: "length and chunks", why: "whoever believes the other sees another answer; chunks win, and this is none", server: with("Content-Length: 60\r\nTransfer-Encoding: chunked"), want: unavailable},
		{name: "unknown transfer encoding", why: "where the body ends cannot be known", server: with("Transfer-Encoding: {key}"), want: unavailable},
		{name: "chunks", why: "servers that do not know the length send chunks", server: raw("HTTP/1.1 200 OK\r\nDate: {date}\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(root("<url>https://xtracta.com/</url><expire>{expire}</expire>"), 10) + "0\r\n\r\n"), want: granted, grant: urlIs("https://xtracta.com/")},
		{name: "chunks without the last", why: "the end of the connection is not the end of the chunks", server: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(root("<status>200</status>"), 0)), want: unavailable},
		{name: "chunk cut off", why: "part of an answer is none", server: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n<documents_response>"), want: unavailable},
		{name: "chunk of a wrong size", why: "where the body ends cannot be known", server: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{key}\r\n<documents_response>"), want: unavailable},
		{name: "chunk beyond 2^64", why: "a size that wraps must not be believed", server: raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\n<documents_response>"), want: unavailable},
		{name: "trailers", why: "what follows the body changes nothing", server: raw("HTTP/1.1 200 OK\r\nDate: {date}\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n" + chunk(root("<url>https://xtracta.com/</url><expire>{expire}</expire>"), 10) + "0\r\nX: {key}\r\n\r\n"), want: granted, grant: urlIs("https://xtracta.com/")},
	}
}

// chunk is a body in one chunk; extra is how much longer it gets when filled in.
func chunk(body string, extra int) string {
	if extra > 0 { // {expire} becomes ten digits
		extra -= len("{expire}")
	}
	return fmt.Sprintf("%x\r\n%s\r\n", len(body)+extra, body)
}

func urlIs(url string) func(*stage) wanted {
	return func(s *stage) wanted { return wanted{url: url, expire: s.expire} }
}
