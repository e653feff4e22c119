package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// describe says why there is no complete answer. It never repeats the text of an
// error: some of the transport's quote what the server sent, which may be the key.
func (c *Client) describe(err error) string {
	var (
		proxy     proxyError
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		plain     tls.RecordHeaderError
		alert     tls.AlertError
		network   net.Error
	)
	switch {
	case errors.As(err, &proxy):
		return fmt.Sprintf("the proxy refused to connect to the endpoint with %s", statusText(proxy.status))
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the endpoint did not answer within %s", c.timeout)
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the name of the endpoint or its proxy does not exist (DNS)"
	case errors.As(err, &dns):
		return "the name of the endpoint or its proxy could not be looked up (DNS)"
	case errors.As(err, &authority):
		return "the endpoint's certificate is signed by an unknown authority; name a private one with --endpoint-ca-file"
	case errors.As(err, &hostname):
		return "the endpoint's certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the endpoint's certificate has expired or is not valid yet, or this machine's clock is wrong"
	case errors.As(err, &verify):
		return "the endpoint's certificate is not valid"
	case errors.As(err, &plain):
		return "the endpoint does not speak TLS"
	case errors.As(err, &alert):
		return "the endpoint refused the TLS handshake"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection to the endpoint was refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the endpoint broke the connection"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the endpoint closed the connection before its answer was complete"
	case errors.As(err, &network) && network.Timeout():
		return "the connection to the endpoint timed out"
	}
	return "the exchange with the endpoint failed before its answer was complete"
}
