package endpoint

import (
	"errors"
	"time"
)

// Outcome is what came of a request to the endpoint. The outcome alone decides
// what happens next.
type Outcome string

const (
	// Granted: the endpoint gave a URL and its expiry. IssueURL returned no error.
	Granted Outcome = "Granted"
	// Rejected: see RejectedError.
	Rejected Outcome = "Rejected"
	// Throttled: see ThrottledError.
	Throttled Outcome = "Throttled"
	// Unavailable: see UnavailableError.
	Unavailable Outcome = "Unavailable"
	// Malformed: see MalformedError.
	Malformed Outcome = "Malformed"
)

// OutcomeOf returns the outcome that an error of Client.IssueURL stands for. It
// returns false for every other error: a KeyError, as nothing was sent, and the
// error of the caller's context. These say nothing about the endpoint, so they must
// neither count as a failure of it nor start a wait.
func OutcomeOf(err error) (Outcome, bool) {
	if err == nil {
		return Granted, true
	}
	var failure interface{ outcome() Outcome }
	if errors.As(err, &failure) {
		return failure.outcome(), true
	}
	return "", false
}

// The types of the four errors below are the retry policy. Their texts are a sentence
// or two for a person: on one line, 600 characters at most, begun with a small letter
// and without the final full stop. They contain neither the key nor a URL, so a status,
// an event or a log may show them.

// RejectedError reports that a person must act. Client.IssueURL returns it for 400,
// 401, 403, 404, 422 and each other 4xx that no other error claims. It concerns this
// request only: requests of other sessions go on.
type RejectedError struct{ Summary string }

// ThrottledError reports that every session with this key must wait.
// Client.IssueURL returns it for 429, and for 503 with a Retry-After.
type ThrottledError struct {
	Summary string
	// RetryAfter is how long to wait: 10 seconds to an hour, or 0 if the endpoint
	// sent no usable Retry-After.
	RetryAfter time.Duration
}

// UnavailableError reports that the endpoint could not be reached or has failed.
// Client.IssueURL returns it for failures of DNS, connection and TLS, after its own
// deadline, for a truncated answer, and for 407, 408, 409, 425 and 5xx. The same
// request may succeed later.
type UnavailableError struct{ Summary string }

// MalformedError reports an answer that the endpoint's document does not describe.
// Client.IssueURL returns it for a redirect, for another 2xx, for XML of another
// kind or none, for a missing URL or one on a foreign host, and for an impossible
// expire. Nobody guesses what such an answer means. The same request may succeed
// later.
type MalformedError struct{ Summary string }

func (e *RejectedError) Error() string    { return e.Summary }
func (e *ThrottledError) Error() string   { return e.Summary }
func (e *UnavailableError) Error() string { return e.Summary }
func (e *MalformedError) Error() string   { return e.Summary }

func (*RejectedError) outcome() Outcome    { return Rejected }
func (*ThrottledError) outcome() Outcome   { return Throttled }
func (*UnavailableError) outcome() Outcome { return Unavailable }
func (*MalformedError) outcome() Outcome   { return Malformed }
