package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
)

// Each fault has a cure of its own: to set a clock helps with one kind of certificate only, and
// a name that does not exist is a mistake where a lookup that failed is none.
func TestFaultsOfTheConnectionAreToldApart(t *testing.T) {
	certificate := func(reason x509.InvalidReason) error {
		return &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: reason}}
	}
	for _, row := range []struct {
		err  error
		want string
	}{
		{certificate(x509.Expired), "the endpoint's certificate has expired"},
		{certificate(x509.IncompatibleUsage), "the endpoint's certificate is not valid"},
		{&net.DNSError{IsNotFound: true}, "does not exist (DNS)"},
		{&net.DNSError{IsTimeout: true}, "could not be looked up (DNS)"},
		{syscall.ECONNRESET, "broke the connection"},
		{syscall.EPIPE, "broke the connection"},
		{&net.OpError{Op: "dial", Err: syscall.ETIMEDOUT}, "timed out"},
		{&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, "the exchange with the endpoint failed"},
	} {
		if got := (&Client{}).describe(fmt.Errorf("quoted: %w", row.err)); !strings.Contains(got, row.want) || strings.Contains(got, "quoted") {
			t.Errorf("%v is described as %q, want %q", row.err, got, row.want)
		}
	}
}
