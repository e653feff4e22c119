package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"regexp"
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

// TestReadmeTellsTheOutcomes holds the table of README.md equal to outcomeOf.
func TestReadmeTellsTheOutcomes(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Outcomes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]Outcome{} // by the exact status, the hundreds of a range, or "any other"
	for _, row := range regexp.MustCompile(`(?m)^\| ([^|]+) \| ([A-Z][a-z]+) \|`).FindAllStringSubmatch(section, -1) {
		for statuses := range strings.SplitSeq(row[1], ", ") {
			rows[statuses] = Outcome(row[2])
		}
	}
	if len(rows) < 8 {
		t.Fatalf("the table has %d entries: %v", len(rows), rows)
	}
	for status := range 1001 {
		if status == 200 {
			continue
		}
		for _, retryAfter := range []bool{false, true} {
			candidates := []string{fmt.Sprint(status), fmt.Sprintf("%d00–%d99", status/100, status/100), "any other"}
			if retryAfter {
				candidates = append([]string{fmt.Sprintf("%d with Retry-After", status)}, candidates...)
			}
			for _, candidate := range candidates {
				want, ok := rows[candidate]
				if !ok {
					continue
				}
				if got := outcomeOf(status, retryAfter); got != want {
					t.Errorf("%d is %s, and README.md says %s", status, got, want)
				}
				break
			}
		}
	}
}
