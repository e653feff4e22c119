// Package endpoint is the wire to Xtracta's billings/billing_ui: one POST, and
// five outcomes. The source of what it sends and accepts is the endpoint's
// document, "Open Billing UI".
package endpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/utils/clock"
)

// maxBody bounds an answer after decompression, in bytes. A documented answer has
// less than one kilobyte.
const maxBody = 64 << 10

// Client asks the endpoint for URLs. It may be used by many goroutines at once.
type Client struct {
	endpoint  *url.URL
	hosts     []hostPattern
	timeout   time.Duration
	clock     clock.PassiveClock
	userAgent string
	transport http.RoundTripper
}

// URL is the endpoint's URL, in one spelling whichever way it was configured.
func (c *Client) URL() string { return c.endpoint.String() }

// Open asks the endpoint once. The error is a *RejectedError, *ThrottledError,
// *UnavailableError or *MalformedError; or, where the caller's context ended
// before the answer was there, one that wraps the context's error; or, for a zero
// key, a *KeyError.
func (c *Client) Open(ctx context.Context, r Request) (Grant, error) {
	if r.Key.IsZero() {
		return Grant{}, &KeyError{"the API key is empty"}
	}
	got, err := c.ask(ctx, r)
	if err != nil {
		return Grant{}, err
	}
	return c.judge(got, r.Key)
}

// answer is what came over the wire, as far as it came.
type answer struct {
	status  int
	header  http.Header
	arrived time.Time // of the header, by our clock
	body    []byte
	bodyErr error
}

func (c *Client) ask(ctx context.Context, r Request) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	got, err := c.exchange(limited, r)
	if ended := ctx.Err(); ended != nil && (err != nil || got.bodyErr != nil) {
		return answer{}, fmt.Errorf("the request to the endpoint was abandoned: %w", ended)
	}
	if err != nil {
		return answer{}, &UnavailableError{c.describe(err)}
	}
	return got, nil
}

// exchange uses the transport itself: an http.Client would follow redirects, and
// put URLs into its errors.
func (c *Client) exchange(ctx context.Context, r Request) (answer, error) {
	request, err := c.newRequest(ctx, r)
	if err != nil {
		return answer{}, err
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got := answer{status: response.StatusCode, header: response.Header, arrived: c.clock.Now()}
	got.body, got.bodyErr = readBody(response)
	return got, nil
}

var (
	errBodyTooLong = errors.New("longer than the limit")
	errBodyCoding  = errors.New("in an unknown content encoding")
)

func readBody(response *http.Response) ([]byte, error) {
	if coding := response.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, errBodyCoding // gzip is undone by the transport, which then drops the header
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		return nil, errBodyTooLong
	}
	return body, err
}
