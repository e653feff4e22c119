package main

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxURL is the longest URL that the controller accepts from the endpoint, in bytes.
const maxURL = 8 << 10

// isSafeTarget reports whether a browser may open the text, and a terminal may show it.
// Somebody may have edited the Secret, and a launcher of URLs also opens files and starts
// programs. The rules are those by which the controller accepts a URL from the endpoint,
// but for the hosts, which only the controller's flags name.
func isSafeTarget(text string) bool {
	if len(text) > maxURL || strings.ContainsFunc(text, isMisleading) {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || !hasValidPort(u) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

// isMisleading reports whether a character ends a URL, is invisible in it, or is read
// differently by browsers, which take a backslash for a slash.
func isMisleading(r rune) bool {
	return r == '\\' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsGraphic(r)
}

func hasValidPort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
