package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/process/link/volume"
)

const secretURL = "https://billing.example.com/open?t=TOKEN-that-logs-in&x=%2Fa"

// harness is a link over a mounted folder, with a clock that stands still.
type harness struct {
	volume  *volume.Volume
	now     time.Time
	log     *bytes.Buffer
	handler http.Handler
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	b := &harness{
		volume: &volume.Volume{Dir: t.TempDir()},
		// between 2001 and 2096, so that no test depends on the date
		now: time.Unix(1e9+rand.Int64N(3e9), rand.Int64N(1e9)),
		log: &bytes.Buffer{},
	}
	log := slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	b.handler = link{dir: b.volume.Dir, now: func() time.Time { return b.now }, log: log}.handler()
	return b
}

func (b *harness) write(t *testing.T, entries map[string]string) {
	t.Helper()
	if err := b.volume.Write(entries); err != nil {
		t.Fatal(err)
	}
}

func (b *harness) writeGrant(t *testing.T, url string, expire time.Time) {
	t.Helper()
	if err := b.volume.WriteGrant(url, expire); err != nil {
		t.Fatal(err)
	}
}

func (b *harness) get(method, path string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	b.handler.ServeHTTP(answer, httptest.NewRequest(method, path, nil))
	return answer
}

func TestRedirectsToTheCurrentURL(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.Run(method, func(t *testing.T) {
			b := newHarness(t)
			for _, url := range []string{secretURL, secretURL + "&renewed=1"} {
				b.writeGrant(t, url, b.now.Add(time.Minute))
				answer := b.get(method, "/")
				if answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != url {
					t.Errorf("answered %d to %q, want 303 to %q", answer.Code, answer.Header().Get("Location"), url)
				}
				if answer.Body.Len() > 0 {
					t.Errorf("the URL may be in a body that something keeps: %q", answer.Body)
				}
			}
		})
	}
}

func TestPageSaysWhyNoURLWorks(t *testing.T) {
	const missing, invalid, expired = "is not ready yet", "cannot be opened", "has expired"
	const absent = "-" // of an entry
	end := time.Unix(1e9+rand.Int64N(3e9), 0)
	until := formatUnix(end)
	for _, row := range []struct {
		why, url, expire string
		left             time.Duration // until the end
		want             string        // of the title; a redirect when empty
	}{
		{"the Secret is mounted as optional and does not exist yet", absent, absent, time.Hour, missing},
		{"somebody else's Secret, or one that is written by hand", absent, until, time.Hour, missing},
		{"without its end nobody knows whether a URL works", secretURL, absent, time.Hour, missing},
		{"an empty entry is no URL", "", until, time.Hour, invalid},
		{"plain http shows the URL to the network", "http://billing.example.com/?t=TOKEN", until, time.Hour, invalid},
		{"a line break would be another header", secretURL + "\r\nSet-Cookie: a=b", until, time.Hour, invalid},
		{"bytes that are no text", secretURL + "\xff", until, time.Hour, invalid},
		{"no granted URL is that long", secretURL + strings.Repeat("a", 8<<10), until, time.Hour, invalid},
		{"a time in words is not the wire's", secretURL, "2099-01-01T00:00:00Z", time.Hour, invalid},
		{"a URL where the time belongs must not end in the log", secretURL, secretURL, time.Hour, invalid},
		{"no time overflows into one that is alive", secretURL, "9223372036854775807", time.Hour, invalid},
		{"zero is a time that somebody forgot", secretURL, "0", time.Hour, invalid},
		{"an expired URL stays in the Secret", secretURL, until, -time.Hour, expired},
		{"the second of the expiry is the first that does not work", secretURL, until, 0, expired},
		{"up to that second it works", secretURL, until, 1, ""},
		{"loopback http is for tests and trials", "http://127.0.0.1:1/?t=TOKEN", until, time.Hour, ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			b := newHarness(t)
			b.now = end.Add(-row.left)
			entries := map[string]string{"url": row.url, "expire": row.expire}
			maps.DeleteFunc(entries, func(_, value string) bool { return value == absent })
			if len(entries) > 0 {
				b.write(t, entries)
			}
			answer := b.get(http.MethodGet, "/")
			if strings.Contains(b.log.String(), "TOKEN") {
				t.Errorf("the log holds the URL: %s", b.log)
			}
			if row.want != "" {
				expectNotice(t, answer, row.want)
			} else if answer.Code != http.StatusSeeOther {
				t.Errorf("answered %d: %s", answer.Code, b.log)
			}
		})
	}
}

func expectNotice(t *testing.T, answer *httptest.ResponseRecorder, title string) {
	t.Helper()
	if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" {
		t.Errorf("answered %d with Retry-After %q, want 503 with one", answer.Code, answer.Header().Get("Retry-After"))
	}
	if got := answer.Header().Get("Location"); got != "" {
		t.Errorf("leads to %q", got)
	}
	body := answer.Body.String()
	if heading := regexp.MustCompile(`<h1>(.*)</h1>`).FindString(body); !strings.Contains(heading, title) {
		t.Errorf("the page says %q, want %q", heading, title)
	}
	if strings.Contains(body, "TOKEN") {
		t.Error("the page shows the URL")
	}
}

func TestPageShowsWhenTheLinkExpired(t *testing.T) {
	b := newHarness(t)
	b.now = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	b.writeGrant(t, secretURL, b.now.Add(-56*time.Minute))
	if body := b.get(http.MethodGet, "/").Body.String(); !strings.Contains(body, ">22 Nov 2026 at 14:04 UTC<") {
		t.Errorf("the page does not say when: %s", body)
	}
}

func TestEveryAnswerHasSecurityHeaders(t *testing.T) {
	for _, row := range []struct {
		method, path string
		alive        bool
		want         int
		why          string
	}{
		{http.MethodGet, "/", true, 303, "the URL itself"},
		{http.MethodHead, "/", true, 303, "the same without a body"},
		{http.MethodGet, "/", false, 503, "the page"},
		{http.MethodHead, "/", false, 503, "the same without a body"},
		{http.MethodPost, "/", true, 405, "nothing is sent here"},
		{http.MethodOptions, "/", true, 405, "no other origin may ask"},
		{http.MethodDelete, "/", true, 405, "nothing is deleted here"},
		{http.MethodGet, "/elsewhere", true, 404, "one page, so that robots find nothing"},
		{http.MethodGet, "/healthz", false, 200, "a restart would not mend the Secret"},
	} {
		t.Run(row.method+row.path, func(t *testing.T) {
			b := newHarness(t)
			if row.alive {
				b.writeGrant(t, secretURL, b.now.Add(time.Minute))
			}
			answer := b.get(row.method, row.path)
			if answer.Code != row.want {
				t.Errorf("answered %d, want %d: %s", answer.Code, row.want, row.why)
			}
			header := answer.Header()
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
				if !strings.Contains(header.Get("Content-Security-Policy"), part) {
					t.Errorf("the policy lacks %s: %s", part, header.Get("Content-Security-Policy"))
				}
			}
			if row.want == http.StatusMethodNotAllowed && header.Get("Allow") != "GET, HEAD" {
				t.Errorf("allows %q", header.Get("Allow"))
			}
		})
	}
}

// A browser drops a style whose digest is not in the policy.
func TestPolicyAllowsTheStyleOfThePage(t *testing.T) {
	answer := newHarness(t).get(http.MethodGet, "/")
	styles := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(answer.Body.String(), -1)
	if len(styles) != 1 {
		t.Fatalf("there are %d styles", len(styles))
	}
	if policy := answer.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "'sha256-"+digest(styles[0][1])+"'") {
		t.Errorf("%s is not the digest of the style that was sent", policy)
	}
}

func TestPageLoadsNothing(t *testing.T) {
	body := newHarness(t).get(http.MethodGet, "/").Body.String()
	for _, reference := range regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if to := reference[1]; to != "" && !strings.HasPrefix(to, "data:") {
			t.Errorf("the page refers to %q", to)
		}
	}
	if strings.Contains(body, "<script") || strings.Contains(body, "ZgotmplZ") {
		t.Error("the page holds a script, or something that the template refused")
	}
}

// While a kubelet swaps folders, a URL is never taken for alive by the end of
// another, and none of them is ever missing.
func TestSwapsAreSeenWholeWhileRequestsRun(t *testing.T) {
	b := newHarness(t)
	swap := func(i int) error {
		if i%2 == 0 {
			return b.volume.WriteGrant("https://dead.example/", b.now.Add(-time.Hour))
		}
		return b.volume.WriteGrant("https://alive.example/", b.now.Add(time.Hour))
	}
	if err := swap(0); err != nil {
		t.Fatal(err)
	}
	var alive, dead atomic.Int64
	swapping, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			reader := link{dir: b.volume.Dir, now: func() time.Time { return b.now }, log: slog.New(slog.NewTextHandler(io.Discard, nil))}.handler()
			for swapping.Err() == nil {
				answer := httptest.NewRecorder()
				reader.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
				switch location := answer.Header().Get("Location"); {
				case location == "https://alive.example/":
					alive.Add(1)
				case location == "" && strings.Contains(answer.Body.String(), "<h1>The link to the billing page has expired</h1>"):
					dead.Add(1)
				default:
					t.Errorf("answered %d to %q", answer.Code, location)
				}
			}
		})
	}
	// As many swaps as it takes for both to be seen often.
	deadline := time.Now().Add(time.Minute)
	for i := 1; i < 300 || alive.Load() < 100 || dead.Load() < 100; i++ {
		if err := swap(i); err != nil {
			t.Error(err)
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("within a minute %d answers were of the one and %d of the other", alive.Load(), dead.Load())
			break
		}
	}
	stop()
	readers.Wait()
}
