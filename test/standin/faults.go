package standin

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// planFault changes the plan of each request.
func planFault(text string, change func(*plan)) Fault {
	return Fault{text, func(p *plan) {
		p.applied = append(p.applied, text)
		change(p)
	}}
}

// answerFault replaces the answer.
func answerFault(text string, replacement func(*plan) *answer) Fault {
	return planFault(text, func(p *plan) { p.answerWith(replacement(p)) })
}

// variation changes the document of the answer in a way that the schema allows.
func variation(text string, change func(*plan, *document)) Fault {
	return planFault(text, func(p *plan) {
		p.edit(func(a *answer) {
			if a.document != nil {
				change(p, a.document)
			}
		})
	})
}

// documentFault breaks the document of the answer.
func documentFault(text string, change func(*plan, *document)) Fault {
	variation := variation(text, change)
	return Fault{text, func(p *plan) {
		variation.apply(p)
		p.edit((*answer).fault)
	}}
}

// bytesFault breaks the bytes of the answer.
func bytesFault(text string, change func([]byte) []byte) Fault {
	return planFault(text, func(p *plan) {
		p.editBytes(func(a *answer) {
			a.body = change(a.body)
			a.fault()
		})
	})
}

// Latency delays the answer, in real time. The URL is granted before the delay.
func Latency(d time.Duration) Fault {
	return planFault("latency="+d.String(), func(p *plan) { p.delay += d })
}

// Status answers with an HTTP code and the same status in the body.
func Status(code int) Fault {
	return answerFault("status="+strconv.Itoa(code), func(*plan) *answer {
		return failed(code, fmt.Sprintf("The stand-in was told to answer %d %s", code, http.StatusText(code)))
	})
}

// Throttle answers 429 with a Retry-After in whole seconds, rounded up, or without one
// when retryAfter is not positive.
func Throttle(retryAfter time.Duration) Fault {
	return answerFault("throttle="+retryAfter.String(), func(*plan) *answer { return throttled(retryAfter) })
}

func throttled(retryAfter time.Duration) *answer {
	answer := failed(http.StatusTooManyRequests, "Too many requests")
	if retryAfter > 0 {
		answer.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	return answer
}

// RateLimit lets n requests of each key through in any window of time, by the server's
// clock. The others get 429 with the right Retry-After.
func RateLimit(n int, window time.Duration) Fault {
	return rateLimit("rate", n, window, func(f form) string { return f.key })
}

// SharedRateLimit is [RateLimit] for all keys together.
func SharedRateLimit(n int, window time.Duration) Fault {
	return rateLimit("shared-rate", n, window, func(form) string { return "" })
}

func rateLimit(name string, n int, window time.Duration, bucketOf func(form) string) Fault {
	text := fmt.Sprintf("%s=%d/%s", name, n, window)
	var mu sync.Mutex
	buckets := map[string][]time.Time{}
	return Fault{text, func(p *plan) {
		mu.Lock()
		defer mu.Unlock()
		bucket := bucketOf(p.form)
		passed := dropUntil(buckets[bucket], p.now.Add(-window))
		if len(passed) < n {
			buckets[bucket] = append(passed, p.now)
			return
		}
		buckets[bucket] = passed
		p.applied = append(p.applied, text)
		p.answerWith(throttled(untilFree(passed, window, p.now)))
	}}
}

// dropUntil drops the times up to start from an ordered list.
func dropUntil(times []time.Time, start time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(start) {
		times = times[1:]
	}
	return times
}

// untilFree returns how long it takes until the oldest request leaves the window.
func untilFree(passed []time.Time, window time.Duration, now time.Time) time.Duration {
	if len(passed) == 0 {
		return window
	}
	return passed[0].Add(window).Sub(now)
}

// BodyStatus answers HTTP 200 with another status and a message in the body, and without
// a URL.
func BodyStatus(code int, message string) Fault {
	return answerFault(fmt.Sprintf("body-status=%d,%s", code, message), func(*plan) *answer {
		answer := failed(code, message)
		answer.status = http.StatusOK
		return answer
	})
}

// Redirect answers 307 to another place.
func Redirect(location string) Fault {
	return answerFault("redirect="+location, func(*plan) *answer {
		answer := failed(http.StatusTemporaryRedirect, "The resource is elsewhere for now")
		answer.header.Set("Location", location)
		return answer
	})
}

// Body answers HTTP 200 with any body of any media type.
func Body(mediaType, body string) Fault {
	return answerFault("body="+mediaType+","+body, func(*plan) *answer { return raw(mediaType, body) })
}

// HTML answers HTTP 200 with a web page, as a proxy may do.
func HTML() Fault {
	return answerFault("html", func(*plan) *answer {
		return raw("text/html; charset=UTF-8", "<!doctype html>\n<title>One moment</title>\n<p>Checking your browser.<br>\n")
	})
}

// Empty answers HTTP 200 without a body.
func Empty() Fault {
	return bytesFault("empty", func([]byte) []byte { return nil })
}

// Truncated answers with the first half of the body as if it were complete.
func Truncated() Fault {
	return bytesFault("truncated", func(body []byte) []byte { return body[:len(body)/2] })
}

// Doctype puts a DOCTYPE with an entity before the root.
func Doctype() Fault {
	return bytesFault("doctype", func(body []byte) []byte {
		return bytes.Replace(body, []byte("?>\n"), []byte("?>\n<!DOCTYPE a [<!ENTITY b \"c\">]>\n"), 1)
	})
}

// Trailing puts a second root after the first.
func Trailing() Fault {
	return bytesFault("trailing", func(body []byte) []byte { return append(body, "<more/>\n"...) })
}

// Root gives the root another name.
func Root(name string) Fault {
	return documentFault("root="+name, func(_ *plan, d *document) { d.XMLName.Local = name })
}

// Namespace puts the document into an XML namespace.
func Namespace(uri string) Fault {
	return documentFault("namespace="+uri, func(_ *plan, d *document) { d.XMLName.Space = uri })
}

// NoURL leaves url out.
func NoURL() Fault {
	return documentFault("no-url", func(_ *plan, d *document) { d.URL = nil })
}

// NoExpire leaves expire out.
func NoExpire() Fault {
	return documentFault("no-expire", func(_ *plan, d *document) { d.Expire = "" })
}

// URL answers with any text as the URL.
func URL(text string) Fault {
	return documentFault("url="+text, func(_ *plan, d *document) { d.URL = []string{text} })
}

// ForeignHost answers with a URL on another host.
func ForeignHost(host string) Fault {
	return documentFault("foreign-host="+host, func(_ *plan, d *document) {
		for i, granted := range d.URL {
			_, after, _ := strings.Cut(granted, PagePath)
			d.URL[i] = "https://" + host + PagePath + after
		}
	})
}

// DuplicateURL answers with the URL twice.
func DuplicateURL() Fault {
	return documentFault("duplicate-url", func(_ *plan, d *document) { d.URL = append(d.URL, d.URL...) })
}

// Expire answers with any text as expire.
func Expire(text string) Fault {
	return documentFault("expire="+text, func(_ *plan, d *document) { d.Expire = text })
}

// ExpirePast answers with an expire of an hour ago.
func ExpirePast() Fault { return expireIn("expire-past", -time.Hour) }

// ExpireFar answers with an expire in ten years.
func ExpireFar() Fault { return expireIn("expire-far", 10*365*24*time.Hour) }

func expireIn(text string, d time.Duration) Fault {
	return documentFault(text, func(p *plan, doc *document) { doc.Expire = strconv.FormatInt(p.now.Add(d).Unix(), 10) })
}

// ExpireRelative answers with the life in seconds, instead of the time it ends.
func ExpireRelative() Fault {
	return documentFault("expire-relative", func(p *plan, d *document) {
		d.Expire = strconv.Itoa(int(p.form.expire.Seconds()))
	})
}

// Life limits the lifetime of grants to less than was asked for.
func Life(d time.Duration) Fault {
	return planFault("life="+d.String(), func(p *plan) { p.maxLife = d })
}

// SameURL grants the last URL again, with its old expire, while it is alive.
func SameURL() Fault {
	return planFault("same-url", func(p *plan) { p.sameURL = true })
}

// NoStatus leaves status out, as the document's schema allows.
func NoStatus() Fault {
	return variation("no-status", func(_ *plan, d *document) { d.Status = "" })
}

// Padded adds what the types of the document's schema allow: white space around values,
// and a plus sign and zeros before numbers.
func Padded() Fault {
	return variation("padded", func(_ *plan, d *document) {
		d.Status = padded(d.Status)
		d.Expire = padded(d.Expire)
		for i, granted := range d.URL {
			d.URL[i] = "\n\t" + granted + "\n"
		}
	})
}

func padded(number string) string {
	if number == "" {
		return ""
	}
	return " +00" + number + "\n"
}

// Message answers with another message.
func Message(text string) Fault {
	return variation("message="+text, func(_ *plan, d *document) { d.Message = text })
}

// EchoKey repeats the key in the message.
func EchoKey() Fault {
	return variation("echo-key", func(p *plan, d *document) {
		d.Message += " (api_key=" + p.form.key + ")"
	})
}

// EchoURL repeats the URL in the message.
func EchoURL() Fault {
	return variation("echo-url", func(_ *plan, d *document) {
		d.Message += " (" + strings.Join(d.URL, " ") + ")"
	})
}

// Header sets a header of any answer.
func Header(name, value string) Fault {
	return planFault("header="+name+": "+value, func(p *plan) {
		p.edit(func(a *answer) { a.header.Set(name, value) })
	})
}

// NoDate leaves the Date header out.
func NoDate() Fault {
	return planFault("no-date", func(p *plan) { p.edit(func(a *answer) { a.header["Date"] = nil }) })
}

// Huge makes the message of the answer that long, in bytes.
func Huge(size int) Fault {
	return documentFault("huge="+strconv.Itoa(size), func(_ *plan, d *document) { d.Message = strings.Repeat("x", size) })
}

// Gzip compresses the answer even when the client has not asked for it.
func Gzip() Fault {
	return planFault("gzip", func(p *plan) {
		p.editBytes(func(a *answer) {
			var compressed bytes.Buffer
			writer := gzip.NewWriter(&compressed)
			_, _ = writer.Write(a.body) // cannot fail in memory
			_ = writer.Close()
			a.body = compressed.Bytes()
			a.header.Set("Content-Encoding", "gzip")
		})
	})
}

// HangUp closes the connection without an answer.
func HangUp() Fault {
	hangUp := deliveryFault("hang-up", deliverNothing)
	return Fault{hangUp.text, func(p *plan) {
		hangUp.apply(p)
		p.edit(func(a *answer) { a.status = 0 })
	}}
}

// CutOff closes the connection in the middle of the answer.
func CutOff() Fault { return deliveryFault("cut-off", deliverHalf) }

// Stall sends half of the answer and, after a delay in real time, the rest.
func Stall(d time.Duration) Fault {
	return deliveryFault("stall="+d.String(), deliverSlowly(d))
}

// deliveryFault sends the answer in another way.
func deliveryFault(text string, deliver delivery) Fault {
	return planFault(text, func(p *plan) {
		p.edit(func(a *answer) {
			a.deliver = deliver
			a.fault()
		})
	})
}
