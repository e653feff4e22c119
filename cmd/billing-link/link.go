package main

import (
	"log/slog"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// link redirects to the URL that is in the mounted folder at the time of the request.
type link struct {
	dir string
	now func() time.Time
	log *slog.Logger
}

func (l link) handler() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", l.redirect) // and HEAD; other methods get 405
	routes.HandleFunc("GET /healthz", healthy)
	return withSecurityHeaders(routes)
}

// withSecurityHeaders keeps every answer out of caches, frames and Referer headers:
// whoever sees the URL is logged in.
func withSecurityHeaders(next http.Handler) http.Handler {
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

// healthy depends on the process alone. A restart would not repair the Secret, and the
// page that says what is wrong must stay reachable.
func healthy(w http.ResponseWriter, _ *http.Request) {
	_, _ = w.Write([]byte("ok\n"))
}

func (l link) redirect(w http.ResponseWriter, _ *http.Request) {
	g, err := l.currentGrant()
	if err != nil {
		l.log.Warn("no URL to open", "cause", err.Error())
		serveUnavailable(w, err, g.expire)
		return
	}
	l.log.Info("opened the billing page", "expire", g.expire.UTC())
	// http.Redirect would re-encode the URL and repeat it in a body, which tools may store.
	w.Header().Set("Location", endpoint.ASCII(g.url))
	w.WriteHeader(http.StatusSeeOther)
}

// currentGrant returns the grant that works now. Otherwise the error says why there is
// none: an error of readGrant, or errExpired. At the second of its expiry a URL no
// longer works.
func (l link) currentGrant() (grant, error) {
	g, err := readGrant(l.dir)
	if err == nil && !l.now().Before(g.expire) {
		err = errExpired
	}
	return g, err
}

// retryAfter is about half of the time that a kubelet takes to update a mounted Secret.
const retryAfter = 45 * time.Second

// serveUnavailable answers with the page that says why no URL works.
func serveUnavailable(w http.ResponseWriter, why error, expire time.Time) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = w.Write(renderNotice(why, expire))
}
