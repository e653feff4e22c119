package main

import (
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

func TestWhatABrowserMayOpen(t *testing.T) {
	for _, row := range []struct {
		why, url string
		want     bool
	}{
		{"what the endpoint grants", "https://app.example.com/billing?t=TOKEN&x=%2Fa", true},
		{"a port", "https://app.example.com:8443/", true},
		{"a test's endpoint", "http://127.0.0.1:1/?t=TOKEN", true},
		{"a test's endpoint by IPv6", "http://[::1]:1/", true},
		{"a test's endpoint by name", "http://localhost/", true},
		{"a bare percent sign", "https://app.example.com/100%/b", true},
		{"an international host", "https://bücher.example/", true},
		{"a host that is named oddly", "https://ab--cd.example.com", true},
		{"nothing", "", false},
		{"plain http shows the URL to the network", "http://app.example.com/", false},
		{"a name that only begins as loopback", "http://localhost.example.com/", false},
		{"a file", "file:///etc/passwd", false},
		{"a program's own scheme", "ms-settings:", false},
		{"a script", "javascript:alert(1)", false},
		{"a path", "/etc/passwd", false},
		{"an option of the launcher", "--help", false},
		{"no host", "https:///open", false},
		{"no slashes", "https:app.example.com", false},
		{"user info makes a host look like another", "https://xtracta.com@evil.example/", false},
		{"browsers read a backslash as a slash", `https://xtracta.com\.evil.example/`, false},
		{"an escape sequence", "https://app.example.com/\x1b[2J", false},
		{"an escape sequence of Latin-1", "https://app.example.com/\u009b2J", false},
		{"a second line", "https://app.example.com/\nhttps://evil.example/", false},
		{"a space", "https://app.example.com/ --new", false},
		{"a reversed end", "https://app.example.com/\u202egpj", false},
		{"bytes that are no text", "https://app.example.com/\xff", false},
		{"longer than any granted URL", "https://app.example.com/" + strings.Repeat("a", v1alpha1.MaxURLLength), false},
	} {
		t.Run(row.why, func(t *testing.T) {
			if got := isSafeTarget(row.url); got != row.want {
				t.Errorf("%.80q: %t, want %t", row.url, got, row.want)
			}
		})
	}
}
