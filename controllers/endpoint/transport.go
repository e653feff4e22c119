package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// maxHeader bounds the header of an answer, with those of informational answers
// before it, in bytes.
const maxHeader = 32 << 10

// newTransport returns a transport for one request, through a proxy unless that is nil.
func newTransport(proxy *url.URL, roots *x509.CertPool, timeout time.Duration) *http.Transport {
	return &http.Transport{
		Proxy:                  http.ProxyURL(proxy),
		OnProxyConnectResponse: proxyRefusal,
		// A dial goes on after the request that started it is cancelled, unless it has a
		// limit of its own.
		DialContext:         (&net.Dialer{Timeout: timeout}).DialContext,
		TLSHandshakeTimeout: timeout,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		// Where a proxy is reached by TLS, net/http offers HTTP/2 to that as well, and then
		// speaks HTTP/1.1 with it.
		ForceAttemptHTTP2:      proxy == nil || proxy.Scheme != "https",
		MaxResponseHeaderBytes: maxHeader,
		// No connection serves two requests. Bytes that a server or a proxy left on a
		// connection would be taken for the answer to the next request: the login of
		// another group. The transport would also log such bytes, and would repeat a
		// POST if the server closed an idle connection.
		DisableKeepAlives: true,
	}
}

// proxyError reports that the proxy did not connect us to the endpoint.
type proxyError struct{ status int }

func (e proxyError) Error() string { return fmt.Sprintf("the proxy answered %d", e.status) }

func proxyRefusal(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode != http.StatusOK {
		return proxyError{response.StatusCode}
	}
	return nil
}
