package endpoint_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
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
