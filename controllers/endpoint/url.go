package endpoint

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// maxURL bounds a granted URL, in bytes; the documented one has about 200.
const maxURL = 8 << 10

// checkURL accepts an absolute URL that browsers and this package read alike, on the
// endpoint's own host or an allowed one.
func (c *Client) checkURL(doc document, key Key) (URL, error) {
	text, ok := doc.fields["url"]
	if !ok {
		return URL{}, &MalformedError{"the endpoint's answer has no url"}
	}
	u, err := url.Parse(text)
	switch {
	case text == "":
		return URL{}, &MalformedError{"the url in the endpoint's answer is empty"}
	case len(text) > maxURL:
		return URL{}, &MalformedError{fmt.Sprintf("the url in the endpoint's answer is longer than %d KiB", maxURL>>10)}
	case strings.ContainsFunc(text, misleading):
		return URL{}, &MalformedError{"the url in the endpoint's answer contains characters that do not belong in one"}
	case err != nil || !u.IsAbs() || u.Hostname() == "" || !validPort(u):
		return URL{}, &MalformedError{"the url in the endpoint's answer is not an absolute URL"}
	case u.Scheme != "https" && u.Scheme != c.endpoint.Scheme:
		return URL{}, &MalformedError{"the url in the endpoint's answer is not https"}
	case u.User != nil:
		return URL{}, &MalformedError{"the url in the endpoint's answer contains a user or password"}
	case !c.allows(u.Hostname()):
		host := newRedactor(key).host(u.Hostname())
		return URL{}, &MalformedError{fmt.Sprintf("the url in the endpoint's answer is on %s, which is neither the endpoint's host nor among --allowed-url-hosts", host)}
	}
	return NewURL(text), nil
}

// misleading reports whether browsers end a URL at the character, drop it, or read
// it as another one, as they read a backslash as a slash.
func misleading(r rune) bool {
	return r == '\\' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsGraphic(r)
}

func (c *Client) allows(host string) bool {
	canonical := canonicalHost(host)
	for _, pattern := range c.hosts {
		if canonical != "" && pattern.matches(canonical) {
			return true
		}
	}
	return false
}
