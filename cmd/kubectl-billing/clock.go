package main

import (
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
)

// serverClock tells the time by the API server's clock, once it has answered. Whether a URL
// works is decided far from the user's machine, whose own clock may be wrong.
type serverClock struct {
	own    clock.PassiveClock
	offset atomic.Int64 // how far the server's clock is ahead, as a time.Duration
}

var _ clock.PassiveClock = &serverClock{}

func (c *serverClock) Now() time.Time {
	return c.own.Now().Add(time.Duration(c.offset.Load()))
}

func (c *serverClock) Since(t time.Time) time.Duration { return c.Now().Sub(t) }

// follow makes the clock follow the answers that a transport brings.
func (c *serverClock) follow(transport http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		sent := c.own.Now()
		response, err := transport.RoundTrip(request)
		if err == nil {
			c.observe(response.Header.Get("Date"), sent, c.own.Now())
		}
		return response, err
	})
}

// observe compares the clocks by the Date of an answer. It has whole seconds, and was
// written at any time between request and answer. Within that the own clock is right.
func (c *serverClock) observe(date string, sent, received time.Time) {
	written, err := http.ParseTime(date)
	if err != nil {
		return
	}
	least, most := written.Sub(received), written.Add(time.Second).Sub(sent)
	var offset time.Duration
	if least > 0 || most < 0 {
		offset = least + (most-least)/2
	}
	c.offset.Store(int64(offset))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }
