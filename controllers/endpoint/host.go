package endpoint

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// matches reports whether a host is the one that a pattern names or, where it begins
// with "*.", under it. Both are canonical.
func matches(pattern, host string) bool {
	if above, isWildcard := strings.CutPrefix(pattern, "*"); isWildcard {
		return strings.HasSuffix(host, above)
	}
	return host == pattern
}

func parseHostPatterns(texts []string) ([]string, error) {
	var patterns []string
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		name, isWildcard := strings.CutPrefix(text, "*.")
		name = canonicalHost(name)
		if name == "" {
			return nil, fmt.Errorf("%q is not a host name; give names without scheme, port and path, or *.name for all under it", text)
		}
		if isWildcard {
			name = "*." + name
		}
		patterns = append(patterns, name)
	}
	return patterns, nil
}

// maxName bounds a host name, in bytes, as DNS does.
const maxName = 253

// canonicalHost returns one spelling for all spellings of a host: case, a trailing
// dot, international names, forms of an address. It returns "" if browsers open no
// such host.
func canonicalHost(host string) string {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().String()
	}
	if len(host) > maxName*utf8.UTFMax { // its ASCII form would take the square of its length
		return ""
	}
	name, err := asBrowsers.ToASCII(host)
	name = strings.TrimSuffix(name, ".") // which an ideographic one has become as well
	if err != nil || len(name) > maxName || !dnsName.MatchString(name) {
		return ""
	}
	return name
}

// asBrowsers maps names as browsers do. They open names that nobody could register,
// such as ab--cd, acme- and a_b: whoever owns a domain names what is under it.
var asBrowsers = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.StrictDomainName(false))

var dnsName = regexp.MustCompile(`^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$`)

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && port > 0
}
