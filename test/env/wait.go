package env

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/hack/process"
)

// Patience is how long a test waits for what should take seconds. It is generous, as
// machines that run tests are often busy.
const Patience = 90 * time.Second

// pace is that of looking; it bounds nothing.
const pace = 10 * time.Millisecond

// Eventually waits until the condition names no problem any more.
func Eventually(t testing.TB, what string, condition func() (problem string)) {
	t.Helper()
	EventuallyWithin(t, Patience, what, condition)
}

// EventuallyWithin is Eventually for what takes longer by its nature.
func EventuallyWithin(t testing.TB, patience time.Duration, what string, condition func() (problem string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for problem := condition(); problem != ""; problem = condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s: %s", patience, what, problem)
		}
		time.Sleep(pace)
	}
}

// Until waits for what has nothing to say as long as it does not hold.
func Until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	Eventually(t, what, func() string { return Unless(holds(), "not yet") })
}

// Unless returns the problem, or nothing if all is well.
func Unless(well bool, problem string) string {
	if well {
		return ""
	}
	return problem
}

// FreeAddress is a loopback address on which nothing listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := process.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Fetch is what a URL answers, which must be 200.
func Fetch(t testing.TB, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %v\n%s", url, answer.Status, err, text)
	}
	return string(text)
}

// Buffer is written by one goroutine and read by another meanwhile.
type Buffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

// String is all that was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
