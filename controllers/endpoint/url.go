package endpoint

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// maxURL bounds a granted URL, in bytes; the documented one has about 200.
const maxURL = 8 << 10

// URLPolicy decides which URLs people may be sent to. The client applies it to what
// the endpoint grants, others to what they read back from where it was stored. The
// zero URLPolicy, for those who know no endpoint, accepts https on every host and
// http on loopback hosts.
type URLPolicy struct {
	hosts []string // the endpoint's own and the allowed ones; nil for every host
	http  bool     // the endpoint itself is plain http on a loopback host
}

// NewURLPolicy returns the policy of a Client with this Config.URL and these
// Config.AllowedURLHosts. Its errors are those of New.
func NewURLPolicy(endpointURL string, allowedHosts []string) (URLPolicy, error) {
	endpoint, err := parseEndpoint(endpointURL)
	if err != nil {
		return URLPolicy{}, fmt.Errorf("--endpoint-url: %w", err)
	}
	hosts, err := parseHostPatterns(allowedHosts)
	if err != nil {
		return URLPolicy{}, fmt.Errorf("--allowed-url-hosts: %w", err)
	}
	return URLPolicy{hosts: append(hosts, canonicalHost(endpoint.Hostname())), http: endpoint.Scheme == "http"}, nil
}

// Check returns nil for an absolute URL that browsers and this package read alike, on
// a host that is allowed. The text of its error continues a sentence such as "the URL
// in the Secret". It contains nothing of the URL but its host.
func (p URLPolicy) Check(text string) error { return p.check(text, newRedactor(Key{})) }

func (p URLPolicy) check(text string, r *redactor) error {
	scheme, authority := origin(text)
	u, err := url.Parse("https://" + authority)
	switch {
	case text == "":
		return errors.New("is empty")
	case len(text) > maxURL:
		return fmt.Errorf("is longer than %d KiB", maxURL>>10)
	case strings.ContainsFunc(text, misleading):
		return errors.New("contains characters that do not belong in a URL")
	case authority == "":
		return errors.New("is not an absolute URL")
	case err != nil || !validPort(u) || canonicalHost(u.Hostname()) == "":
		return errors.New("has a host name or a port that is not valid; Xtracta or your reseller must correct it")
	case !p.allowsScheme(scheme, u.Hostname()):
		return errors.New("is not https")
	case u.User != nil:
		return errors.New("contains a user or password")
	case !p.allowsHost(u.Hostname()):
		return errors.New(notAllowed(r.host(u.Hostname())))
	}
	return nil
}

// origin returns the scheme of a URL, and what stands between it and the path. Nothing
// else of a URL decides where it leads, and browsers also open what follows where it
// breaks the rules, such as "/100%/b".
func origin(text string) (scheme, authority string) {
	scheme, rest, _ := strings.Cut(text, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return strings.ToLower(scheme), rest
}

func notAllowed(host string) string {
	if host == hiddenHost {
		return "is on a host that is neither the endpoint's nor among --allowed-url-hosts, and is not shown as its name could be a key; " +
			"ask Xtracta or your reseller which hosts to add there"
	}
	return fmt.Sprintf("is on %s, which is neither the endpoint's host nor among --allowed-url-hosts; "+
		"add it there if it is Xtracta's or your reseller's", host)
}

// CheckURL applies the client's URLPolicy to a URL that was read back.
func (c *Client) CheckURL(text string) error { return c.policy.Check(text) }

func (c *Client) grantedURL(doc document, key Key) (URL, error) {
	text, ok := doc.fields["url"]
	if !ok {
		return URL{}, &MalformedError{"the endpoint's answer has no url"}
	}
	if err := c.policy.check(text, newRedactor(key)); err != nil {
		return URL{}, &MalformedError{"the url in the endpoint's answer " + err.Error()}
	}
	return NewURL(text), nil
}

// misleading reports whether browsers end a URL at the character, drop it, or read
// it as another one, as they read a backslash as a slash.
func misleading(r rune) bool {
	return r == '\\' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsGraphic(r)
}

func (p URLPolicy) allowsScheme(scheme, host string) bool {
	return scheme == "https" || scheme == "http" && (p.http || p.hosts == nil && isLoopback(host))
}

func (p URLPolicy) allowsHost(host string) bool {
	canonical := canonicalHost(host)
	return p.hosts == nil || slices.ContainsFunc(p.hosts, func(pattern string) bool { return matches(pattern, canonical) })
}
