package endpoint

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Request asks for the URL of a group's billing page.
type Request struct {
	// Key is the group's API key.
	Key Key
	// Purge is "delete" or "process"; empty leaves it to the endpoint.
	Purge string
	// ExpirationSeconds is the life to ask for. The endpoint takes at most 259200
	// (three days).
	ExpirationSeconds int32
}

// form returns the body of the request. The names are those of the document's "POST
// Parameters".
func (r Request) form() string {
	form := url.Values{
		"api_key": {r.Key.Reveal()},
		"expire":  {strconv.Itoa(int(r.ExpirationSeconds))},
	}
	if r.Purge != "" {
		form.Set("purge", r.Purge)
	}
	return form.Encode()
}

func (c *Client) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.String(), strings.NewReader(r.form()))
	if err != nil {
		return nil, err
	}
	// Without the means to read the body again, the transport cannot send it again, as it
	// does by itself for as long as an HTTP/2 server refuses streams or goes away.
	request.GetBody = nil
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/xml, text/xml")
	request.Header.Set("Cache-Control", "no-store") // the answer is a login, which no proxy may keep
	request.Header.Set("User-Agent", c.userAgent)
	return request, nil
}
