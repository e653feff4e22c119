package endpoint_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// stage is what a row plays on.
type stage struct {
	t         *testing.T
	now       time.Time // by the client's clock: a random time with a fraction of a second
	expire    time.Time // ten minutes later
	ctx       context.Context
	cancel    context.CancelFunc
	elsewhere *httptest.Server // where nothing must ever arrive

	mutex    sync.Mutex
	requests []*http.Request
	bodies   []string
	strays   int
}

func newStage(t *testing.T) *stage {
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	now := start.Add(time.Duration(rand.Int64N(int64(20 * 365 * 24 * time.Hour))))
	s := &stage{t: t, now: now, expire: now.Truncate(time.Second).Add(10 * time.Minute)}
	s.ctx, s.cancel = context.WithCancel(t.Context())
	s.elsewhere = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.strays++
	}))
	t.Cleanup(s.elsewhere.Close)
	return s
}

// fill replaces what a row cannot know.
func (s *stage) fill(text string) string {
	return strings.NewReplacer(
		"{url}", testURL,
		"{token}", testToken,
		"{key}", testKey,
		"{expire}", fmt.Sprint(s.expire.Unix()),
		"{date}", s.now.UTC().Format(http.TimeFormat),
		"{elsewhere}", s.elsewhere.URL,
	).Replace(text)
}

// record keeps a request, with its whole body.
func (s *stage) record(r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.requests = append(s.requests, r)
	s.bodies = append(s.bodies, string(body))
}

// checkTraffic asserts that the key was sent once at most, in a body, and to the
// endpoint alone.
func (s *stage) checkTraffic(t *testing.T) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.strays > 0 {
		t.Errorf("%d requests went elsewhere", s.strays)
	}
	if len(s.requests) > 1 {
		t.Errorf("%d requests were sent for one call", len(s.requests))
	}
	for i, request := range s.requests {
		form, err := url.ParseQuery(s.bodies[i])
		if err != nil || form.Get("api_key") != testKey || request.Method != http.MethodPost {
			t.Errorf("the request is no POST of the key: %s %q", request.Method, s.bodies[i])
		}
		if text := fmt.Sprint(request.RequestURI, request.Header); leak(text) != "" {
			t.Errorf("the key is outside of the request's body: %s", text)
		}
	}
}

// must ends the test if something that it needs fails.
func must(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The documented answer, in one line, with the secrets of the rows.
const sound = "<documents_response><status>200</status><message>fine</message><url>{url}</url><expire>{expire}</expire></documents_response>"

// root is an answer with these elements.
func root(elements string) string {
	return "<documents_response>" + elements + "</documents_response>"
}

// handles is a plain server at a loopback address. It gives the Date of the
// client's clock unless the handler does otherwise.
func handles(handler func(s *stage, w http.ResponseWriter, r *http.Request)) server {
	return func(s *stage, _ *endpoint.Config) string {
		server := httptest.NewServer(s.handler(handler))
		s.t.Cleanup(server.Close)
		return server.URL + "/v1/billings/billing_ui"
	}
}

func (s *stage) handler(handler func(s *stage, w http.ResponseWriter, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.record(r)
		w.Header().Set("Date", s.fill("{date}"))
		w.Header().Set("Content-Type", "application/xml")
		handler(s, w, r)
	})
}

// answers with a status, a body, and headers in pairs of name and value; an empty
// value leaves the header out.
func answers(status int, body string, headers ...string) server {
	return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			if headers[i+1] == "" {
				w.Header()[headers[i]] = nil
				continue
			}
			w.Header().Set(headers[i], s.fill(headers[i+1]))
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, s.fill(body))
	})
}

// says answers 200 with a body.
func says(body string) server { return answers(http.StatusOK, body) }

// silent answers nothing until the client gives up.
func silent() server {
	return handles(func(_ *stage, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// raw reads the request, writes the text to the connection as it is, and closes it.
func raw(text string) server {
	return speaks(func(s *stage, connection *net.TCPConn) { _, _ = io.WriteString(connection, s.fill(text)) })
}

// speaks reads the request, then does to the connection what it is told.
func speaks(then func(*stage, *net.TCPConn)) server {
	return listens(func(s *stage, connection *net.TCPConn) {
		request, err := http.ReadRequest(bufio.NewReader(connection))
		if err != nil {
			return
		}
		s.record(request)
		then(s, connection)
	})
}

// listens does to each connection what it is told, before anything is read.
func listens(serve func(*stage, *net.TCPConn)) server {
	return func(s *stage, _ *endpoint.Config) string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(s.t, err)
		s.accept(listener, func(connection net.Conn) { serve(s, connection.(*net.TCPConn)) })
		return "http://" + listener.Addr().String() + "/"
	}
}

// accept serves each connection, until the test is over.
func (s *stage) accept(listener net.Listener, serve func(net.Conn)) {
	s.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = connection.Close() }()
				serve(connection)
			}()
		}
	}()
}

// reset makes the connection end in an RST.
func reset(connection *net.TCPConn) { _ = connection.SetLinger(0) }

// untilGone blocks until the client has closed the connection.
func untilGone(connection *net.TCPConn) { _, _ = io.Copy(io.Discard, connection) }

// hurried gives a server that will not answer as long as a machine under load takes to reach it.
func hurried(config *endpoint.Config, _ *stage) { config.Timeout = 3 * time.Second }

func gzipped(text string) string {
	var out strings.Builder
	writer := gzip.NewWriter(&out)
	_, _ = io.WriteString(writer, text)
	_ = writer.Close()
	return out.String()
}
