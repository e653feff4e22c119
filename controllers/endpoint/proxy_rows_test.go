package endpoint_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// proxyRows ask for a name that only the proxy could know. What is not loopback
// goes through it, and it learns no more than the name.
func proxyRows() []row {
	var rows []row
	for _, c := range []struct {
		name, why, answer, says string
	}{
		{"407", "the proxy wants credentials", "HTTP/1.1 407 {key}\r\nContent-Length: 0\r\n\r\n", "407 Proxy Authentication Required"},
		{"403", "it is the proxy that refuses, not the endpoint: no person is to change the key", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "the proxy refused"},
		{"429", "it is the proxy that throttles, not the endpoint", "HTTP/1.1 429 Slow\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n", "the proxy refused"},
		{"502", "the proxy does not reach the endpoint", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "502 Bad Gateway"},
		{"redirect", "a proxy may not redirect either", "HTTP/1.1 307 x\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n", "the proxy refused"},
		{"204", "only a 200 opens a tunnel", "HTTP/1.1 204 x\r\n\r\n", "the proxy refused"},
		{"hangs up", "the proxy breaks down", "", "closed the connection"},
		{"captive portal", "a page in place of a tunnel is not TLS", "HTTP/1.1 200 OK\r\n\r\n<html>log in first</html>", ""},
		{"garbage", "something else on the proxy's port", "{key}\r\n\r\n", ""},
	} {
		rows = append(rows, row{name: c.name, why: c.why, server: behind(c.answer), alone: true, want: unavailable, says: c.says})
	}
	return append(rows,
		row{name: "none for loopback", why: "a local endpoint is asked directly, whatever the environment says", server: func(s *stage, config *endpoint.Config) string {
			s.proxy("http://127.0.0.1:1")
			return says(sound)(s, config)
		}, alone: true, want: granted},
		row{name: "that refuses connections", why: "the proxy is down", server: func(s *stage, _ *endpoint.Config) string {
			s.proxy("http://127.0.0.1:1")
			return unreachable
		}, alone: true, want: unavailable, says: "refused"},
	)
}

// unreachable is an endpoint that only a proxy could know.
const unreachable = "https://endpoint.invalid/v1/billings/billing_ui"

// behind is an unreachable endpoint behind a proxy that answers each CONNECT with
// the text.
func behind(answer string) server {
	return func(s *stage, _ *endpoint.Config) string {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodConnect || leak(fmt.Sprint(r.URL, r.Header)) != "" {
				s.t.Errorf("the proxy was asked for more than a tunnel: %s %s %v", r.Method, r.URL, r.Header)
			}
			connection, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				s.t.Error(err)
				return
			}
			_, _ = io.WriteString(connection, s.fill(answer))
			_ = connection.Close()
		}))
		s.t.Cleanup(proxy.Close)
		s.proxy(strings.Replace(proxy.URL, "http://", "http://user:password@", 1))
		return unreachable
	}
}

func (s *stage) proxy(url string) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		s.t.Setenv(name, url)
	}
	s.t.Setenv("NO_PROXY", "")
	s.t.Setenv("no_proxy", "")
}
