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
	text, ok := doc["expire"]
	if !ok {
		return time.Time{}, 0, &MalformedError{"the endpoint's answer has no expire"}
	}
	seconds, ok := parseInteger(text)
	if !ok {
		return time.Time{}, 0, &MalformedError{"the expire in the endpoint's answer is not a UNIX time"}
	}
	if seconds > lastSecond {
		return time.Time{}, 0, &MalformedError{tooFarAhead}
	}
	expire = time.Unix(seconds, 0).UTC()
	if offset, ok := clockOffset(got); ok && isLife(expire.Sub(got.arrived.Add(offset).Truncate(time.Second))) {
		return expire, offset, nil
	}
	life := expire.Sub(got.arrived)
	switch {
	case isLife(life):
		return expire, 0, nil
	case life > 0:
		return time.Time{}, 0, &MalformedError{tooFarAhead}
	case seconds <= int64(maxLife/time.Second):
		return time.Time{}, 0, &MalformedError{"the expire in the endpoint's answer is a number of seconds rather than a UNIX time"}
	}
	return time.Time{}, 0, &MalformedError{"the expire in the endpoint's answer is in the past"}
}

// lastSecond is the end of the year 9999, the last that timestamps can be written in.
const lastSecond = 253402300799

const tooFarAhead = "the expire in the endpoint's answer is more than three days and an hour ahead"

func isLife(life time.Duration) bool { return life > 0 && life <= maxLife }

// maxOffset keeps an offset far from the limits of a Duration; it spans any pair
// of clocks of which one has lost its battery.
const maxOffset = 100 * 365 * 24 * time.Hour

// clockOffset is how far the endpoint's clock was ahead of ours. Date has whole
// seconds, the current one begun, so our time is cut to them as well.
func clockOffset(got answer) (time.Duration, bool) {
	date, err := http.ParseTime(got.header.Get("Date"))
	if err != nil {
		return 0, false
	}
	offset := date.Sub(got.arrived.Truncate(time.Second))
	return offset, offset.Abs() <= maxOffset
}
