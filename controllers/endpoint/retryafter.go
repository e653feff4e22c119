package endpoint

import (
	"net/http"
	"time"
)

const (
	minRetryAfter = 10 * time.Second
	maxRetryAfter = time.Hour
)

// retryAfter returns how long the answer asks to wait (RFC 9110, section 10.2.3),
// clamped to minRetryAfter and maxRetryAfter, or 0 if it says nothing usable.
func retryAfter(header http.Header, arrived time.Time) time.Duration {
	wait := rawRetryAfter(header, arrived)
	if wait <= 0 {
		return 0
	}
	return min(max(wait, minRetryAfter), maxRetryAfter)
}

func rawRetryAfter(header http.Header, arrived time.Time) time.Duration {
	value := header.Get("Retry-After")
	if seconds, ok := parseInteger(value); ok {
		return time.Duration(min(seconds, int64(maxRetryAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	// Both dates are from the endpoint's clock, so an error of it cancels out.
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		return until.Sub(date)
	}
	return until.Sub(arrived)
}
