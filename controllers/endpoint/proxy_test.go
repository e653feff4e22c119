package endpoint_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// environment sets the variables of a proxy, and no others.
func environment(t *testing.T, set map[string]string) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"} {
		t.Setenv(name, set[name])
		t.Setenv(strings.ToLower(name), set[strings.ToLower(name)])
	}
}

func newProxied() (*endpoint.Client, error) {
	return endpoint.New(endpoint.Config{URL: "https://endpoint.invalid/", Timeout: time.Minute, Clock: clocktesting.NewFakePassiveClock(time.Now())})
}

// TestNoProxyIsLeftOut writes the address of a proxy in every way that can be read, and
// expects it to be asked for a tunnel to the endpoint: a key never goes past it.
func TestNoProxyIsLeftOut(t *testing.T) {
	for _, c := range []struct {
		why string
		env map[string]string
		// user is what the proxy learns, of user and password.
		user string
	}{
		{"as it should be", map[string]string{"HTTPS_PROXY": "http://{proxy}"}, ""},
		{"small letters", map[string]string{"https_proxy": "http://{proxy}"}, ""},
		{"small letters come first", map[string]string{"https_proxy": "http://{proxy}", "HTTPS_PROXY": "http://127.0.0.1:1"}, ""},
		{"a host alone", map[string]string{"HTTPS_PROXY": "{proxy}"}, ""},
		{"a scheme in capitals", map[string]string{"HTTPS_PROXY": "HTTP://{proxy}"}, ""},
		{"a line break, as a Secret made from a file has", map[string]string{"HTTPS_PROXY": "http://{proxy}\n"}, ""},
		{"a byte order mark", map[string]string{"HTTPS_PROXY": "\ufeffhttp://{proxy}"}, ""},
		{"a user and a line break", map[string]string{"HTTPS_PROXY": "http://user:pass@{proxy}\n"}, "user:pass"},
		{"an encoded password", map[string]string{"HTTPS_PROXY": "http://user:pa%25s%23%2F@{proxy}"}, "user:pa%s#/"},
		{"one for all", map[string]string{"ALL_PROXY": "http://{proxy}"}, ""},
		{"one for all and one for this", map[string]string{"ALL_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://{proxy}"}, ""},
		{"exceptions for others", map[string]string{"HTTPS_PROXY": "http://{proxy}", "NO_PROXY": "10.0.0.1, .svc,*.cluster.local\n10.0.0.0/8,[fd00::1],fd00::1,other.invalid,endpoint.invalid:8443"}, ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			var tunnels atomic.Int32
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodConnect && r.Host == "endpoint.invalid:443" {
					tunnels.Add(1)
				}
				r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
				if user, password, ok := r.BasicAuth(); ok != (c.user != "") || ok && user+":"+password != c.user {
					t.Errorf("the proxy learns %q of the user", user)
				}
				w.WriteHeader(http.StatusBadGateway)
			}))
			defer proxy.Close()
			for name, value := range c.env {
				c.env[name] = strings.ReplaceAll(value, "{proxy}", strings.TrimPrefix(proxy.URL, "http://"))
			}
			environment(t, c.env)
			client, err := newProxied()
			must(t, err)
			key, _ := endpoint.ParseKey([]byte(testKey))
			if _, err := client.IssueURL(t.Context(), endpoint.Request{Key: key}); outcomeOf(err) != unavailable || !strings.Contains(err.Error(), "the proxy refused") {
				t.Errorf("got %v", err)
			}
			if tunnels.Load() != 1 {
				t.Errorf("%d tunnels were asked for, want 1", tunnels.Load())
			}
		})
	}
}

// TestProxyOverTLS expects to be understood by a proxy that speaks HTTP/2 as well.
func TestProxyOverTLS(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		proxy := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }))
		proxy.EnableHTTP2 = http2
		proxy.StartTLS()
		defer proxy.Close()
		environment(t, map[string]string{"HTTPS_PROXY": proxy.URL})
		client := trusting(t, proxy, unreachable)
		key, _ := endpoint.ParseKey([]byte(testKey))
		if _, err := client.IssueURL(t.Context(), endpoint.Request{Key: key}); err == nil || !strings.Contains(err.Error(), "the proxy refused") {
			t.Errorf("with HTTP/2 %t: %v", http2, err)
		}
	}
}

// TestExceptionsAreReachedDirectly writes the exceptions in every way that can be read.
func TestExceptionsAreReachedDirectly(t *testing.T) {
	for _, value := range []string{
		"endpoint.invalid", " endpoint.invalid\n", "\ufeffendpoint.invalid", "a.example,endpoint.invalid", "a.example, endpoint.invalid ,",
		"a.example\nendpoint.invalid\n", "a.example endpoint.invalid", ".invalid", "*.invalid", "invalid", "endpoint.invalid:443", "*", "10.0.0.0/8,*\n",
	} {
		t.Run(value, func(t *testing.T) {
			environment(t, map[string]string{"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": value})
			client, err := newProxied()
			must(t, err)
			key, _ := endpoint.ParseKey([]byte(testKey))
			if _, err := client.IssueURL(t.Context(), endpoint.Request{Key: key}); !strings.Contains(err.Error(), "DNS") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestProxyThatCannotBeRead ends the start, and names the variable but not its value.
func TestProxyThatCannotBeRead(t *testing.T) {
	for why, value := range map[string]string{
		"a percent sign in the password":  "http://user:hunter2%ss@proxy.example:3128",
		"a number sign in the password":   "http://user:hunter2#x@proxy.example:3128",
		"a slash after digits":            "http://user:12/hunter2@proxy.example:3128",
		"a space in the password":         "http://user:hunter2 x@proxy.example:3128",
		"a backslash in the user":         `http://domain\user:hunter2@proxy.example:3128`,
		"letters beyond ASCII":            "http://user:hunter2ü@proxy.example:3128",
		"quotes around":                   `"http://user:hunter2@proxy.example:3128"`,
		"two proxies":                     "http://hunter2.example:3128,http://proxy.example:3128",
		"no host":                         "http://",
		"a port that is none":             "http://hunter2.example:port",
		"a scheme with a typing error":    "htp://hunter2.example:3128",
		"a scheme that nobody speaks":     "socks4://hunter2.example:1080",
		"an address of IPv6 without mark": "http://fd00::hunter2:3128",
		"a template that was not filled":  "http://{{ hunter2 }}:3128",
		"words":                           "see hunter2",
	} {
		for _, name := range []string{"HTTPS_PROXY", "http_proxy", "ALL_PROXY"} {
			t.Run(why+" in "+name, func(t *testing.T) {
				environment(t, map[string]string{name: value})
				expectUnread(t, name)
			})
		}
	}
	for why, value := range map[string]string{
		"a scheme":                    "10.0.0.1,http://hunter2.example",
		"a path":                      "10.0.0.1,hunter2.example/x",
		"a network that does not fit": "10.0.0.1,10.0.0.0/99",
		"an asterisk for a part":      "10.0.0.1,hunter2*.example",
		"a port that is none":         "10.0.0.1,hunter2.example:*",
		"a percent sign":              "10.0.0.1,hunter2%.example",
		"quotes":                      `10.0.0.1,"hunter2.example"`,
		"a word for Windows":          "10.0.0.1,<local>",
	} {
		for _, name := range []string{"NO_PROXY", "no_proxy"} {
			t.Run(why+" in "+name, func(t *testing.T) {
				environment(t, map[string]string{"HTTPS_PROXY": "http://proxy.example:3128", name: value})
				expectUnread(t, name+": entry 2 ")
			})
		}
	}
}

func expectUnread(t *testing.T, says string) {
	t.Helper()
	_, err := newProxied()
	if err == nil || !strings.HasPrefix(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v, want what begins with %q and repeats no value", err, says)
	}
}

// TestExceptionsWithoutAProxyAreNotRead: what has no effect holds up nobody.
func TestExceptionsWithoutAProxyAreNotRead(t *testing.T) {
	environment(t, map[string]string{"NO_PROXY": "<local>"})
	if _, err := newProxied(); err != nil {
		t.Error(err)
	}
}

// proxyRows ask for a name that only the proxy could know. What is not loopback
// goes through it, and it learns no more than the name.
func proxyRows() []row {
	var rows []row
	for _, c := range []struct {
		name, why, answer, says string
	}{
		{"407", "the proxy wants credentials", "HTTP/1.1 407 {key}\r\nContent-Length: 0\r\n\r\n", "407 Proxy Authentication Required"},
		{"403", "it is the proxy that refuses, not the endpoint: no person is to change the key", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "the proxy refused"},
		{"redirect", "a proxy may not redirect either", "HTTP/1.1 307 x\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n", "the proxy refused"},
		{"hangs up", "the proxy breaks down", "", "closed the connection"},
		{"captive portal", "a page in place of a tunnel is not TLS", "HTTP/1.1 200 OK\r\n\r\n<html>log in first</html>", ""},
		{"garbage", "something else on the proxy's port", "{key}\r\n\r\n", ""},
	} {
		rows = append(rows, row{name: c.name, why: c.why, server: behind(c.answer), alone: true, want: unavailable, says: c.says})
	}
	return append(rows,
		row{name: "none for loopback", why: "a local endpoint is asked directly, whatever the environment says", server: func(s *stage, config *endpoint.Config) string {
			environment(s.t, map[string]string{"ALL_PROXY": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"})
			return says(sound)(s, config)
		}, alone: true, want: granted},
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
		environment(s.t, map[string]string{"HTTPS_PROXY": strings.Replace(proxy.URL, "http://", "http://user:password@", 1)})
		return unreachable
	}
}
