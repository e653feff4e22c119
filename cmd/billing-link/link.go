package main

import (
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// link answers with the URL that is in the mounted folder at that moment.
type link struct {
	dir string
	now func() time.Time
	log *slog.Logger
}

func (l link) handler() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", l.open) // and HEAD; other methods are answered with 405
	routes.HandleFunc("GET /healthz", healthy)
	return guarded(routes)
}

// guarded sets what holds for every answer: it is kept by nobody, tells nobody
// where it came from, and is shown in no frame.
func guarded(next http.Handler) http.Handler {
	headers := http.Header{
		"Cache-Control":                {"no-store"},
		"Referrer-Policy":              {"no-referrer"},
		"Content-Security-Policy":      {contentPolicy},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"X-Robots-Tag":                 {"noindex"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), headers)
		next.ServeHTTP(w, r)
	})
}

// healthy depends on the process alone: a restart would not mend the Secret, and
// the page that says what is wrong must be reachable.
func healthy(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

func (l link) open(w http.ResponseWriter, _ *http.Request) {
	g, err := l.alive()
	if err != nil {
		l.log.Warn("no URL to open", "cause", err.Error())
		apologize(w, err, g.expire)
		return
	}
	l.log.Info("opened the billing page", "expire", g.expire.UTC())
	// Not http.Redirect: it would write the URL into a body and re-encode it.
	w.Header().Set("Location", g.url)
	w.WriteHeader(http.StatusSeeOther)
}

// alive is the grant of this moment, or why it opens nothing: errMissing,
// errGarbled or errExpired. A URL ends at the second of its expiry.
func (l link) alive() (grant, error) {
	g, err := readGrant(l.dir)
	if err == nil && !l.now().Before(g.expire) {
		err = errExpired
	}
	return g, err
}

// retryAfter is about half of what a kubelet takes to bring a renewal.
const retryAfter = 45 * time.Second

// apologize sends the page that says why there is nothing to open.
func apologize(w http.ResponseWriter, why error, expire time.Time) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(renderNotice(why, expire))
}
