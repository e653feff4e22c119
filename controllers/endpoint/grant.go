package endpoint

import (
	"net/http"
	"time"
)

// maxLife is the longest life of a URL that is believed: the longest that can be
// asked for, three days, and an hour for clocks and for the endpoint's rounding.
const maxLife = 3*24*time.Hour + time.Hour

// URL is a granted URL. Whoever knows it is logged in, so it shows itself nowhere:
// whatever formats, logs or marshals it gets "[redacted]".
type URL struct{ secret }

// NewURL wraps a granted URL that is read back from where it was stored.
func NewURL(s string) URL { return URL{conceal(s)} }

// Reveal returns the URL itself, for the places that it was asked for.
func (u URL) Reveal() string { return u.reveal() }

// Grant is what the endpoint gave.
type Grant struct {
	// URL opens the billing page.
	URL URL
	// Expire is when the URL expires, as the endpoint said it.
	Expire time.Time
	// Issued is when the answer arrived, by our clock.
	Issued time.Time
	// Offset is how far the endpoint's clock is ahead of ours, in whole seconds. It
	// is 0 where the answer has no Date, or one that makes no sensible life of
	// Expire.
	Offset time.Duration
}

func (c *Client) grant(got answer, doc document, key Key) (Grant, error) {
	address, err := c.checkURL(doc, key)
	if err != nil {
		return Grant{}, err
	}
	expire, offset, err := checkExpire(doc, got)
	if err != nil {
		return Grant{}, err
	}
	return Grant{URL: address, Expire: expire, Issued: got.arrived, Offset: offset}, nil
}

// checkExpire takes the expire for a UNIX time that makes a life of more than zero
// and at most maxLife, by the endpoint's clock or else by ours.
func checkExpire(doc document, got answer) (expire time.Time, offset time.Duration, err error) {
	expire, err = parseExpire(doc)
	if err != nil {
		return time.Time{}, 0, err
	}
	if offset, ok := clockOffset(got); ok && isLife(expire, got.arrived.Truncate(time.Second).Add(offset)) {
		return expire, offset, nil
	}
	if isLife(expire, got.arrived) {
		return expire, 0, nil
	}
	return time.Time{}, 0, &MalformedError{noLife(expire, got.arrived)}
}

// parseExpire refuses what is later than the year 9999, the last that timestamps can
// be written in.
func parseExpire(doc document) (time.Time, error) {
	const lastSecond = 253402300799
	text, ok := doc["expire"]
	if !ok {
		return time.Time{}, &MalformedError{"the endpoint's answer has no expire"}
	}
	seconds, ok := parseInteger(text)
	switch {
	case !ok:
		return time.Time{}, &MalformedError{"the expire in the endpoint's answer is not a UNIX time"}
	case seconds > lastSecond:
		return time.Time{}, &MalformedError{tooFarAhead}
	}
	return time.Unix(seconds, 0).UTC(), nil
}

func isLife(expire, now time.Time) bool {
	life := expire.Sub(now)
	return life > 0 && life <= maxLife
}

const tooFarAhead = "the expire in the endpoint's answer is more than three days and an hour ahead"

func noLife(expire, now time.Time) string {
	switch {
	case expire.After(now):
		return tooFarAhead
	case expire.Unix() <= int64(maxLife/time.Second):
		return "the expire in the endpoint's answer is a number of seconds rather than a UNIX time"
	}
	return "the expire in the endpoint's answer is in the past"
}

// clockOffset is how far the endpoint's clock was ahead of ours. Date has whole
// seconds, the current one begun, so our time is cut to them as well. Centuries that
// a Duration cannot hold come out as its limit, and make no life of any expire.
func clockOffset(got answer) (time.Duration, bool) {
	date, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Sub(got.arrived.Truncate(time.Second)), true
}
