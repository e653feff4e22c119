package endpoint

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

// proxyFunc returns the proxy for a request, or nil for none.
type proxyFunc func(*http.Request) (*url.URL, error)

// proxyFromEnvironment returns the proxy for a request, as http.ProxyFromEnvironment
// does, but leaves none out. That one ignores what it cannot read, and a key would
// silently go past what was meant to watch or to stop it. The errors name the
// variable and never its value, which may hold a password.
func proxyFromEnvironment() (proxyFunc, error) {
	_, httpErr := proxyVariable("http_proxy") // for loopback, which has no proxy; but a broken one is a mistake
	https, httpsErr := proxyVariable("https_proxy")
	all, allErr := proxyVariable("all_proxy")
	if https == "" {
		https = all
	}
	except, exceptErr := "", error(nil)
	if https != "" {
		except, exceptErr = noProxyVariable()
	}
	proxy := (&httpproxy.Config{HTTPSProxy: https, NoProxy: except}).ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }, errors.Join(httpErr, httpsErr, allErr, exceptErr)
}

// variable returns the value of an environment variable and the spelling of its name
// in which it is set. Small letters come first, as everywhere. Line breaks and spaces
// around a value come from files and Secrets.
func variable(name string) (value, spelling string) {
	for _, spelling := range []string{name, strings.ToUpper(name)} {
		if value := strings.TrimFunc(os.Getenv(spelling), isAround); value != "" {
			return value, spelling
		}
	}
	return "", ""
}

// proxyVariable returns the URL of a proxy, or "" if there is none.
func proxyVariable(name string) (string, error) {
	value, spelling := variable(name)
	if value == "" {
		return "", nil
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	if u, err := url.Parse(value); err != nil || !isProxy(u) {
		return "", fmt.Errorf("%s: is not the URL of a proxy; give one like http://user:password@host:3128, "+
			"with http, https or socks5, and with what is special in the password percent-encoded", spelling)
	}
	return value, nil
}

// isProxy refuses what follows the host, too: a # or / that was not encoded makes the
// beginning of a password look like the port, and the user like the host.
func isProxy(u *url.URL) bool {
	return slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) &&
		canonicalHost(u.Hostname()) != "" && validPort(u) &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

// noProxyVariable returns the hosts that are reached without a proxy, with commas
// between them. As for curl, white space may stand between them, too.
func noProxyVariable() (string, error) {
	value, spelling := variable("no_proxy")
	entries := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || isAround(r) })
	for i, entry := range entries {
		if unbracketed := strings.Trim(entry, "[]"); isAddress(unbracketed) {
			entries[i] = unbracketed
		} else if !isException(entry) {
			return "", fmt.Errorf("%s: entry %d is no host, domain, address or network; give some like "+
				"example.com, .example.com or 10.0.0.0/8, with commas between them", spelling, i+1)
		}
	}
	return strings.Join(entries, ","), nil
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

func isException(entry string) bool {
	if _, _, err := net.ParseCIDR(entry); err == nil || entry == "*" {
		return true
	}
	u, err := url.Parse("//" + strings.TrimPrefix(strings.TrimPrefix(entry, "*."), "."))
	return err == nil && u.Host != "" && *u == url.URL{Host: u.Host} && canonicalHost(u.Hostname()) != "" && validPort(u)
}
