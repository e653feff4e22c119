package endpoint

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
)

// classify decides which of the five outcomes an answer is. The HTTP status comes
// first; the status in the body can only refine a 200.
func (c *Client) classify(got answer, key Key) (Grant, error) {
	if got.status != http.StatusOK {
		return Grant{}, c.httpFailure(got, key)
	}
	doc, err := decode(got.body, got.header.Get("Content-Type"))
	if got.bodyErr != nil && !errors.Is(err, errWebPage) {
		return Grant{}, c.bodyUnread(got.bodyErr)
	}
	if err != nil {
		return Grant{}, err
	}
	if text, ok := doc.fields["status"]; ok && !isOK(text) {
		return Grant{}, bodyFailure(got, doc, key)
	}
	if !doc.mayGrant() {
		return Grant{}, &MalformedError{otherRoot + doc.messageFor(key)}
	}
	return c.grant(got, doc, key)
}

const otherRoot = "the endpoint's answer is another document: its root is neither documents_response nor billings_response"

func isOK(text string) bool {
	status, ok := parseInteger(text)
	return ok && status == http.StatusOK
}

func (c *Client) bodyUnread(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, errBodyTooLong):
		return &MalformedError{fmt.Sprintf("the endpoint's answer is longer than %d KiB", maxBody>>10)}
	case errors.Is(err, errBodyCoding):
		return &MalformedError{"the endpoint's answer is in a content encoding that was not asked for"}
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return &MalformedError{"the endpoint's answer cannot be decompressed"}
	}
	return &UnavailableError{c.describe(err)}
}

// httpFailure explains an HTTP status other than 200.
func (c *Client) httpFailure(got answer, key Key) error {
	what := "the endpoint answered HTTP " + statusText(got.status)
	if got.status >= 300 && got.status < 400 {
		return &MalformedError{what + c.redirection(got.header.Get("Location"), key)}
	}
	// The body can only add a message. Whatever is wrong with it, the status stands.
	doc, err := decode(got.body, got.header.Get("Content-Type"))
	if errors.Is(err, errWebPage) {
		return got.failure(got.status, "HTTP "+statusText(got.status)+fromBetween, Key{})
	}
	return got.failure(got.status, what+doc.messageFor(key), key)
}

// bodyFailure explains a status other than 200 in the body of an HTTP 200.
func bodyFailure(got answer, doc document, key Key) error {
	status, ok := parseInteger(doc.fields["status"])
	if !ok {
		return &MalformedError{"the status in the endpoint's answer is not a number" + doc.messageFor(key)}
	}
	what := fmt.Sprintf("the endpoint answered status %d", status)
	return got.failure(int(min(status, 1000)), what+doc.messageFor(key), key)
}

const fromBetween = " came with a web page, so something in between has answered, such as a proxy or a firewall; " +
	"check --endpoint-url and what is between"

// failure returns the error for a status other than 200. The key is zero where it is
// not to blame.
func (got answer) failure(status int, summary string, key Key) error {
	_, hasRetryAfter := got.header["Retry-After"]
	switch outcomeOf(status, hasRetryAfter) {
	case Throttled:
		return &ThrottledError{Summary: summary, RetryAfter: retryAfter(got.header, got.arrived)}
	case Unavailable:
		return &UnavailableError{summary}
	case Rejected:
		return &RejectedError{withKeyHint(summary, status, key)}
	default:
		return &MalformedError{summary + ", which its document does not describe"}
	}
}

// outcomeOf is the one table from a status other than 200 to its consequence.
// README.md shows it to people.
func outcomeOf(status int, hasRetryAfter bool) Outcome {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && hasRetryAfter:
		return Throttled
	case status == http.StatusProxyAuthRequired,
		status == http.StatusRequestTimeout,
		status == http.StatusConflict,
		status == http.StatusTooEarly,
		status >= 500 && status < 600:
		return Unavailable
	case status >= 400 && status < 500:
		return Rejected
	}
	return Malformed
}

// redirection names the host that a redirect points to. Redirects are never
// followed: a followed 307 hands the key to another host.
func (c *Client) redirection(location string, key Key) string {
	const refused = "; redirects are not followed, as they would hand on the API key"
	target, err := c.endpoint.Parse(location)
	if location == "" || err != nil || target.Hostname() == "" {
		return refused
	}
	host := newRedactor(key).host(target.Hostname())
	return fmt.Sprintf(", a redirect to %s%s; if the endpoint has moved, change --endpoint-url", host, refused)
}

// statusText names a status in our words. The server's own reason phrase could
// repeat the key.
func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprint(status)
}
