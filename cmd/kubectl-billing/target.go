package main

import (
	"net"
	"net/url"
	"strings"
	"unicode"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// isSafeTarget reports whether a browser may open the text, and a terminal may show it.
// Somebody may have edited the Secret, and a launcher of URLs also opens files and starts
// programs: it must be an address of the web, over https or on this machine, and show
// itself and its host as they are. Which hosts are Xtracta's, only the operator knows.
func isSafeTarget(text string) bool {
	scheme, authority, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	u, err := url.Parse("https://" + authority) // without the rest: browsers accept more in it than Go does
	if err != nil || u.Hostname() == "" || u.User != nil || len(text) > v1alpha1.MaxURLLength || strings.ContainsFunc(text, misleads) {
		return false
	}
	scheme = strings.ToLower(scheme)
	return scheme == "https" || scheme == "http" && isLoopback(u.Hostname())
}

// misleads reports whether a character is invisible, or read as another one by browsers.
func misleads(r rune) bool {
	return r == '\\' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsGraphic(r)
}

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
