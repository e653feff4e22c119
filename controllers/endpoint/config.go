package endpoint

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// Config configures a Client.
type Config struct {
	// URL of the endpoint: https, or http for localhost and literal loopback
	// addresses; without user info, query and fragment.
	URL string
	// AllowedURLHosts are the host names that a granted URL may have besides the
	// endpoint's own. A name allows itself; "*.example.com" allows all names under it.
	AllowedURLHosts []string
	// CAFile names a file with PEM certificates to trust in addition to the system's. It
	// is read again when it changes; while it cannot be used, the certificates that
	// worked stay in use. Empty for none.
	CAFile string
	// OnCAFile is told of each change of the file: nil if it is in use, or why it is not.
	OnCAFile func(error)
	// Timeout bounds the whole call, from the DNS lookup to the last byte of the
	// answer.
	Timeout time.Duration
	// Clock gives the time at which an answer arrived. Required.
	Clock clock.PassiveClock
	// UserAgent is sent to the endpoint as it is.
	UserAgent string
}

// New returns a Client, which asks through the proxy that the environment names, if
// any. Its errors name the flag or the variable with the wrong value and say how to
// correct it.
func New(config Config) (*Client, error) {
	policy, err := NewURLPolicy(config.URL, config.AllowedURLHosts)
	if err != nil {
		return nil, err
	}
	endpoint, err := parseEndpoint(config.URL)
	if err != nil {
		return nil, err
	}
	if config.OnCAFile == nil {
		config.OnCAFile = func(error) {}
	}
	roots := &roots{file: config.CAFile, report: config.OnCAFile}
	if _, err := roots.refresh(); err != nil {
		return nil, fmt.Errorf("--endpoint-ca-file: %w", err)
	}
	proxy, err := proxyFromEnvironment()
	if err != nil {
		return nil, err
	}
	if config.Timeout <= 0 {
		return nil, errors.New("--endpoint-timeout: must be longer than zero; 10s is usual")
	}
	if config.Clock == nil {
		return nil, errors.New("the endpoint's client needs a clock")
	}
	return &Client{
		endpoint:  endpoint,
		policy:    policy,
		timeout:   config.Timeout,
		clock:     config.Clock,
		userAgent: config.UserAgent,
		proxy:     proxy,
		roots:     roots,
	}, nil
}

// parseEndpoint checks the endpoint's URL and normalises it: it is part of the inputs
// that a URL was issued for, and another spelling must not look like another input.
// The errors do not repeat the value, which may contain a password.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || canonicalHost(u.Hostname()) == "" || !validPort(u):
		return nil, errors.New("is not an absolute URL; give one like https://host/path")
	case u.User != nil:
		return nil, errors.New("must not contain a user or password; remove what is before the @")
	case strings.ContainsAny(text, "?#"):
		return nil, errors.New("must have neither a query nor a fragment; remove what follows the path")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("plain http would show the API key to the network; use https (http is for localhost and loopback addresses only)")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("must begin with https://")
	}
	u.Host = strings.ToLower(u.Host)
	if port := u.Port(); port == "" || port == defaultPorts[u.Scheme] {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
