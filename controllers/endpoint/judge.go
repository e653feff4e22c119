package endpoint

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
)

// judge decides which of the five outcomes an answer is. The HTTP status comes
// first; the status in the body can only refine a 200.
func (c *Client) judge(got answer, key Key) (Grant, error) {
	if got.status != http.StatusOK {
		return Grant{}, c.refusal(got, key)
	}
	if got.bodyErr != nil {
		return Grant{}, c.unreadable(got.bodyErr)
	}
	doc, err := decode(got.body, got.header.Get("Content-Type"))
	if err != nil {
		return Grant{}, err
	}
	if text, ok := doc["status"]; ok && !isOK(text) {
		return Grant{}, bodyRefusal(got, doc, key)
	}
	return c.grant(got, doc, key)
}

func isOK(text string) bool {
	status, ok := parseInteger(text)
	return ok && status == http.StatusOK
}

func (c *Client) unreadable(err error) error {
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

// refusal is what an HTTP status other than 200 means.
func (c *Client) refusal(got answer, key Key) error {
	what := "the endpoint answered HTTP " + statusText(got.status)
	if got.status >= 300 && got.status < 400 {
		return &MalformedError{what + c.redirection(got.header.Get("Location"), key)}
	}
	// The body adds no more than a message, so whatever is wrong with it is not.
	doc, err := decode(got.body, got.header.Get("Content-Type"))
	if err != nil {
		doc = nil
	}
	return outcome(got, got.status, what+doc.messageFor(key))
}

// bodyRefusal is what a status other than 200 in the body of a 200 means.
func bodyRefusal(got answer, doc document, key Key) error {
	status, ok := parseInteger(doc["status"])
	if !ok {
		return &MalformedError{"the status in the endpoint's answer is not a number"}
	}
	what := fmt.Sprintf("the endpoint answered status %d", status)
	return outcome(got, int(min(status, 1000)), what+doc.messageFor(key))
}

// outcome is the one table from statuses other than 200 to what follows.
func outcome(got answer, status int, summary string) error {
	_, retry := got.header["Retry-After"]
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && retry:
		return &ThrottledError{Summary: summary, RetryAfter: retryAfter(got.header, got.arrived)}
	case status == http.StatusProxyAuthRequired,
		status == http.StatusRequestTimeout,
		status == http.StatusConflict,
		status == http.StatusTooEarly,
		status >= 500 && status < 600:
		return &UnavailableError{summary}
	case status >= 400 && status < 500:
		return &RejectedError{summary}
	}
	return &MalformedError{summary + ", which its document does not describe"}
}

// redirection says where a redirect would have led: a followed 307 hands the key
// to another host, so none is.
func (c *Client) redirection(location string, key Key) string {
	const refused = "; redirects are not followed, as they would hand on the API key"
	target, err := c.endpoint.Parse(location)
	if location == "" || err != nil || target.Hostname() == "" {
		return refused
	}
	host := newRedactor(key).host(target.Hostname())
	return fmt.Sprintf(", a redirect to %s%s; if the endpoint has moved, change --endpoint-url", host, refused)
}

// statusText names a status in our words, never in the server's.
func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprint(status)
}
