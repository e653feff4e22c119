// Package endpoint is the client of Xtracta's billings/billing_ui: one POST with
// five possible outcomes. README.md lists what it sends and accepts, and where each
// fact comes from.
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

// Client asks the endpoint for URLs. It is safe for concurrent use.
type Client struct {
	endpoint  *url.URL
	policy    URLPolicy
	timeout   time.Duration
	clock     clock.PassiveClock
	userAgent string
	proxy     proxyFunc
	roots     *roots
}

// URL returns the endpoint's URL in its normal form. Two spellings of one URL in
// --endpoint-url give the same text, so a change of spelling renews nothing.
func (c *Client) URL() string { return c.endpoint.String() }

// IssueURL asks the endpoint for a URL, with one request. The error is a
// *RejectedError, *ThrottledError, *UnavailableError or *MalformedError. If the
// caller's context ends before the answer has arrived, it wraps the context's error;
// for a zero key it is a *KeyError. OutcomeOf tells them apart.
func (c *Client) IssueURL(ctx context.Context, r Request) (Grant, error) {
	if r.Key.IsZero() {
		return Grant{}, &KeyError{"the API key is empty"}
	}
	got, err := c.ask(ctx, r)
	if err != nil {
		return Grant{}, err
	}
	return c.classify(got, r.Key)
}

// answer is the HTTP response. If bodyErr is set, the body is incomplete.
type answer struct {
	status  int
	header  http.Header
	arrived time.Time // when the header was read, by our clock
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

// exchange calls the transport directly: an http.Client would follow redirects and
// put URLs into its errors.
func (c *Client) exchange(ctx context.Context, r Request) (answer, error) {
	request, err := c.newRequest(ctx, r)
	if err != nil {
		return answer{}, err
	}
	proxy, err := c.proxy(request)
	if err != nil {
		return answer{}, err
	}
	response, err := newTransport(proxy, c.roots.current(), c.timeout).RoundTrip(request)
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
		return nil, errBodyCoding // the transport has decoded gzip and then removed the header
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		return body[:maxBody], errBodyTooLong
	}
	return body, err
}
