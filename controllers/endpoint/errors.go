package endpoint

import "time"

// Whatever is not a grant is exactly one of the four errors below, or the
// caller's own context error, or a KeyError. The type alone decides what follows;
// the text is one short sentence for a person, free of the key and of URLs, and
// safe to show in a status.

// RejectedError says that a person must act: 400, 401, 403, 404, 422 and other
// 4xx that no other error claims, as HTTP status or as the status in the body of
// a 200. It concerns this one request; others may go on.
type RejectedError struct{ Summary string }

// ThrottledError says that everybody with this key must wait: 429, or 503 with a
// Retry-After, as HTTP status or as the status in the body of a 200.
type ThrottledError struct {
	Summary string
	// RetryAfter is how long to wait: 10 seconds to an hour, or 0 when the endpoint
	// gave no usable Retry-After.
	RetryAfter time.Duration
}

// UnavailableError says that the endpoint could not be reached or failed: DNS,
// connection, TLS, the client's own deadline, a truncated answer, 407, 408, 409,
// 425 and 5xx. The same request may succeed later.
type UnavailableError struct{ Summary string }

// MalformedError says that there was an answer, but not one that the endpoint's
// document describes: a redirect, another 2xx, no or another XML, no or a foreign
// URL, an impossible expire. Its meaning is not guessed. The same request may
// succeed later.
type MalformedError struct{ Summary string }

func (e *RejectedError) Error() string    { return e.Summary }
func (e *ThrottledError) Error() string   { return e.Summary }
func (e *UnavailableError) Error() string { return e.Summary }
func (e *MalformedError) Error() string   { return e.Summary }
