package endpoint

import (
	"net/http"
	"time"
)

const (
	minRetryAfter = 10 * time.Second
	maxRetryAfter = time.Hour
)

// retryAfter is how long the answer asks to wait (RFC 9110, section 10.2.3),
// brought between minRetryAfter and maxRetryAfter; 0 when it says nothing usable.
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
	// The clock that wrote this date is best compared with itself.
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		return until.Sub(date)
	}
	return until.Sub(arrived)
}
