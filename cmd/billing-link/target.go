package main

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// maxURL is the longest URL that the operator accepts from the endpoint, in bytes.
const maxURL = 8 << 10

// isSafeTarget reports whether a browser may be redirected to the address: over https, or
// over http to the machine itself, as in tests and trials. Somebody may have edited the
// Secret, so the rules are those by which the operator accepts a URL from the endpoint,
// but for the hosts, which only the operator knows. They are repeated here because its
// package would link HTTP clients and XML parsers into this small program.
func isSafeTarget(address string) bool {
	if len(address) > maxURL || strings.ContainsFunc(address, isMisleading) {
		return false
	}
	u, err := url.Parse(address)
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
