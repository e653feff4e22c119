package main

import (
	"net/http"
	"sync/atomic"
	"time"
)

// serverClock tells the time by the API server's clock, once it has answered. Whether a URL
// works is decided far from the user's machine, whose own clock may be wrong.
type serverClock struct {
	offset atomic.Int64 // how far the server's clock is ahead, as a time.Duration
}

func (c *serverClock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

// follow makes the clock follow the answers that a transport brings.
func (c *serverClock) follow(transport http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		sent := time.Now()
		response, err := transport.RoundTrip(request)
		if err != nil {
			return nil, err
		}
		if date, err := http.ParseTime(response.Header.Get("Date")); err == nil {
			c.offset.Store(int64(offsetOf(date, sent, time.Now())))
		}
		return response, nil
	})
}

// offsetOf compares the clocks by the Date of an answer. It has whole seconds, and was
// written at any time between request and answer. Within that the own clock is right.
func offsetOf(date, sent, received time.Time) time.Duration {
	least, most := date.Sub(received), date.Add(time.Second).Sub(sent)
	if least <= 0 && most >= 0 {
		return 0
	}
	return least + (most-least)/2
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
