package endpoint

import (
	"net/http"
	"time"
)

// MaxLife is the longest life of a URL that is believed: three days, the most that can be asked
// for, and an hour for differing clocks and the endpoint's rounding.
const MaxLife = 3*24*time.Hour + time.Hour

// URL is a granted URL. Whoever has it is logged in, so whatever formats, logs or
// marshals it gets "[redacted]".
type URL struct{ secret }

// NewURL wraps a granted URL that was read back from where it is stored.
func NewURL(s string) URL { return URL{conceal(s)} }

// Reveal returns the URL itself. Only the generated Secret and status.url may hold it.
func (u URL) Reveal() string { return u.reveal() }

// Grant is what the endpoint granted.
type Grant struct {
	// URL opens the billing page.
	URL URL
	// Expire is when the URL expires, by the endpoint's clock.
	Expire time.Time
	// Issued is when the answer arrived, by our clock.
	Issued time.Time
	// Offset is how far the endpoint's clock is ahead of ours, in whole seconds. It
	// is 0 if the answer has no Date, or if the time from that Date to Expire is no
	// plausible life.
	Offset time.Duration
}

func (c *Client) grant(got answer, doc document, key Key) (Grant, error) {
	address, err := c.grantedURL(doc, key)
	if err != nil {
		return Grant{}, err
	}
	expire, offset, err := checkExpire(doc, got)
	if err != nil {
		return Grant{}, err
	}
	return Grant{URL: address, Expire: expire, Issued: got.arrived, Offset: offset}, nil
}

// checkExpire reads expire as UNIX time. The life must be more than zero and at most
// MaxLife, by the endpoint's clock or else by ours.
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

// parseExpire refuses times after the year 9999: RFC 3339, which the status is
// written in, ends there.
func parseExpire(doc document) (time.Time, error) {
	const lastSecond = 253402300799
	text, ok := doc.fields["expire"]
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
	return life > 0 && life <= MaxLife
}

const tooFarAhead = "the expire in the endpoint's answer is more than three days and an hour ahead"

func noLife(expire, now time.Time) string {
	switch {
	case expire.After(now):
		return tooFarAhead
	case expire.Unix() <= int64(MaxLife/time.Second):
		return "the expire in the endpoint's answer is a number of seconds rather than a UNIX time"
	}
	return "the expire in the endpoint's answer is in the past"
}

// clockOffset returns how far the endpoint's clock is ahead of ours. Date is cut to
// whole seconds, so our time is cut as well. An offset of centuries, which a Duration
// cannot hold, becomes its limit; no expire is a plausible life away from that.
func clockOffset(got answer) (time.Duration, bool) {
	date, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Sub(got.arrived.Truncate(time.Second)), true
}
