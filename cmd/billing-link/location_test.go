package main

import (
	"net/http"
	"testing"
	"time"
)

// What the operator accepts from the endpoint is redirected to, byte for byte. Browsers
// open what breaks the rules of URLs behind the host.
func TestWhatTheOperatorGrantsIsRedirectedTo(t *testing.T) {
	for _, url := range []string{
		"https://billing.example.com/100%/b",
		"https://billing.example.com/a?b=[c]{d}|^`<e>\"f",
		"HTTPS://Billing.Example.COM/?t=TOKEN",
		"https://billing.example.com:8443?t=%2Fa",
		"https://a_b.example.com/",
		"https://xn--bcher-kva.example/%C3%BC",
		"https://billing.example.com/@x#/open?t=TOKEN",
	} {
		expectLocation(t, url, url)
	}
}

// A header is ASCII. Programs disagree on what other bytes in it mean.
func TestLocationIsASCII(t *testing.T) {
	for _, row := range []struct{ url, want string }{
		{"https://billing.example.com/?group=Zürich", "https://billing.example.com/?group=Z%C3%BCrich"},
		{"https://billing.example.com/100%/ü%2F%", "https://billing.example.com/100%/%C3%BC%2F%"},
		{"https://billing.example.com?請求書=💶", "https://billing.example.com?%E8%AB%8B%E6%B1%82%E6%9B%B8=%F0%9F%92%B6"},
		{"https://bücher.example/", "https://xn--bcher-kva.example/"},
		{"https://BÜCHER.example:8443/ü?ü#ü", "https://xn--bcher-kva.example:8443/%C3%BC?%C3%BC#%C3%BC"},
		{"https://bücher.example.:/", "https://xn--bcher-kva.example.:/"},
		{"https://ｂilling。example/", "https://billing.example/"},
	} {
		expectLocation(t, row.url, row.want)
	}
}

func expectLocation(t *testing.T, url, want string) {
	t.Helper()
	b := newHarness(t)
	b.writeGrant(t, url, b.now.Add(time.Minute))
	answer := b.get(http.MethodGet, "/")
	if got := answer.Header().Get("Location"); got != want || answer.Code != http.StatusSeeOther {
		t.Errorf("%s leads to %q with %d, want %q: %s", url, got, answer.Code, want, b.log)
	}
}
