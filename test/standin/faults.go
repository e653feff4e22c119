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

// simple is a fault that applies to each request.
func simple(text string, act func(*plan)) Fault {
	return Fault{text, func(p *plan) {
		p.acted = append(p.acted, text)
		act(p)
	}}
}

// instead is a fault that answers by itself.
func instead(text string, make func(*plan) *answer) Fault {
	return simple(text, func(p *plan) { p.answerWith(make(p)) })
}

// adorned changes the answer's document, and leaves it as its schema says.
func adorned(text string, change func(*plan, *document)) Fault {
	return simple(text, func(p *plan) {
		p.edit(func(a *answer) {
			if a.document != nil {
				change(p, a.document)
			}
		})
	})
}

// edited breaks the answer's document.
func edited(text string, change func(*plan, *document)) Fault {
	adorned := adorned(text, change)
	return Fault{text, func(p *plan) {
		adorned.apply(p)
		p.edit((*answer).fault)
	}}
}

// mangled breaks the answer's bytes.
func mangled(text string, change func([]byte) []byte) Fault {
	return simple(text, func(p *plan) {
		p.mangle(func(a *answer) {
			a.body = change(a.body)
			a.fault()
		})
	})
}

// Latency keeps the answer back for a while, in real time. The URL is granted
// before.
func Latency(d time.Duration) Fault {
	return simple("latency="+d.String(), func(p *plan) { p.delay += d })
}

// Status answers with an HTTP code, and the same status in the body.
func Status(code int) Fault {
	return instead("status="+strconv.Itoa(code), func(*plan) *answer {
		return failed(code, fmt.Sprintf("The stand-in was told to answer %d %s", code, http.StatusText(code)))
	})
}

// Throttle answers 429 with a Retry-After of whole seconds, rounded up; without
// one when it is zero or less.
func Throttle(retryAfter time.Duration) Fault {
	return instead("throttle="+retryAfter.String(), func(*plan) *answer { return throttled(retryAfter) })
}

func throttled(retryAfter time.Duration) *answer {
	answer := failed(http.StatusTooManyRequests, "Too many requests")
	if retryAfter > 0 {
		answer.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
	}
	return answer
}

// RateLimit lets n requests of each key through in any window of time, by the
// server's clock. The others get 429, and a Retry-After that is true.
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
		passed := within(buckets[bucket], p.now.Add(-window))
		if len(passed) < n {
			buckets[bucket] = append(passed, p.now)
			return
		}
		buckets[bucket] = passed
		p.acted = append(p.acted, text)
		p.answerWith(throttled(untilFree(passed, window, p.now)))
	}}
}

// within drops the times up to start; they are in order.
func within(times []time.Time, start time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(start) {
		times = times[1:]
	}
	return times
}

// untilFree is how long it takes until the oldest leaves the window.
func untilFree(passed []time.Time, window time.Duration, now time.Time) time.Duration {
	if len(passed) == 0 {
		return window
	}
	return passed[0].Add(window).Sub(now)
}

// BodyStatus answers HTTP 200 with another status and a message in the body, and
// no URL.
func BodyStatus(code int, message string) Fault {
	return instead(fmt.Sprintf("body-status=%d,%s", code, message), func(*plan) *answer {
		answer := failed(code, message)
		answer.status = http.StatusOK
		return answer
	})
}

// Redirect answers 307 to another place.
func Redirect(location string) Fault {
	return instead("redirect="+location, func(*plan) *answer {
		answer := failed(http.StatusTemporaryRedirect, "The resource is elsewhere for now")
		answer.header.Set("Location", location)
		return answer
	})
}

// Body answers HTTP 200 with that body, whatever it is, of a media type.
func Body(mediaType, body string) Fault {
	return instead("body="+mediaType+","+body, func(*plan) *answer { return raw(mediaType, body) })
}

// HTML answers HTTP 200 with a web page, as a proxy in the way may.
func HTML() Fault {
	return instead("html", func(*plan) *answer {
		return raw("text/html; charset=UTF-8", "<!doctype html>\n<title>One moment</title>\n<p>Checking your browser.<br>\n")
	})
}

// Empty answers HTTP 200 and nothing more.
func Empty() Fault {
	return mangled("empty", func([]byte) []byte { return nil })
}

// Truncated answers with the first half of the body, as if it were the whole.
func Truncated() Fault {
	return mangled("truncated", func(body []byte) []byte { return body[:len(body)/2] })
}

// Doctype puts a DOCTYPE with an entity before the root.
func Doctype() Fault {
	return mangled("doctype", func(body []byte) []byte {
		return bytes.Replace(body, []byte("?>\n"), []byte("?>\n<!DOCTYPE a [<!ENTITY b \"c\">]>\n"), 1)
	})
}

// Trailing puts a second root after the first.
func Trailing() Fault {
	return mangled("trailing", func(body []byte) []byte { return append(body, "<more/>\n"...) })
}

// Root gives the root another name.
func Root(name string) Fault {
	return edited("root="+name, func(_ *plan, d *document) { d.XMLName.Local = name })
}

// Namespace puts the document into an XML namespace.
func Namespace(uri string) Fault {
	return edited("namespace="+uri, func(_ *plan, d *document) { d.XMLName.Space = uri })
}

// NoURL leaves url out.
func NoURL() Fault {
	return edited("no-url", func(_ *plan, d *document) { d.URL = nil })
}

// NoExpire leaves expire out.
func NoExpire() Fault {
	return edited("no-expire", func(_ *plan, d *document) { d.Expire = "" })
}

// URL answers with another URL, or what stands in its place.
func URL(text string) Fault {
	return edited("url="+text, func(_ *plan, d *document) { d.URL = []string{text} })
}

// ForeignHost answers with a URL on another host.
func ForeignHost(host string) Fault {
	return edited("foreign-host="+host, func(_ *plan, d *document) {
		for i, granted := range d.URL {
			_, after, _ := strings.Cut(granted, PagePath)
			d.URL[i] = "https://" + host + PagePath + after
		}
	})
}

// DuplicateURL answers with the URL twice.
func DuplicateURL() Fault {
	return edited("duplicate-url", func(_ *plan, d *document) { d.URL = append(d.URL, d.URL...) })
}

// Expire answers with another expire, or what stands in its place.
func Expire(text string) Fault {
	return edited("expire="+text, func(_ *plan, d *document) { d.Expire = text })
}

// ExpirePast answers with an expire of an hour ago.
func ExpirePast() Fault { return expireIn("expire-past", -time.Hour) }

// ExpireFar answers with an expire in ten years.
func ExpireFar() Fault { return expireIn("expire-far", 10*365*24*time.Hour) }

func expireIn(text string, d time.Duration) Fault {
	return edited(text, func(p *plan, doc *document) { doc.Expire = strconv.FormatInt(p.now.Add(d).Unix(), 10) })
}

// ExpireRelative answers with the life in seconds, instead of the time it ends.
func ExpireRelative() Fault {
	return edited("expire-relative", func(p *plan, d *document) {
		d.Expire = strconv.Itoa(int(p.form.expire.Seconds()))
	})
}

// Life grants less than was asked for: that, at most.
func Life(d time.Duration) Fault {
	return simple("life="+d.String(), func(p *plan) { p.life = d })
}

// SameURL grants the same URL again, with its old expire, while it is alive.
func SameURL() Fault {
	return simple("same-url", func(p *plan) { p.again = true })
}

// NoStatus leaves status out, as the document's schema allows.
func NoStatus() Fault {
	return adorned("no-status", func(_ *plan, d *document) { d.Status = "" })
}

// Padded writes values with what the types of the document's schema allow around
// them: white space, and a plus sign and zeros before numbers.
func Padded() Fault {
	return adorned("padded", func(_ *plan, d *document) {
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
	return adorned("message="+text, func(_ *plan, d *document) { d.Message = text })
}

// EchoKey repeats the key in the message.
func EchoKey() Fault {
	return adorned("echo-key", func(p *plan, d *document) {
		d.Message += " (api_key=" + p.form.key + ")"
	})
}

// EchoURL repeats the URL in the message.
func EchoURL() Fault {
	return adorned("echo-url", func(_ *plan, d *document) {
		d.Message += " (" + strings.Join(d.URL, " ") + ")"
	})
}

// Header sets a header of the answer, whatever the answer is.
func Header(name, value string) Fault {
	return simple("header="+name+": "+value, func(p *plan) {
		p.edit(func(a *answer) { a.header.Set(name, value) })
	})
}

// NoDate leaves the Date header out.
func NoDate() Fault {
	return simple("no-date", func(p *plan) { p.edit(func(a *answer) { a.header["Date"] = nil }) })
}

// Huge makes the answer's message that long, in bytes.
func Huge(size int) Fault {
	return edited("huge="+strconv.Itoa(size), func(_ *plan, d *document) { d.Message = strings.Repeat("x", size) })
}

// Gzip compresses the answer, for a client that can read it or not.
func Gzip() Fault {
	return simple("gzip", func(p *plan) {
		p.mangle(func(a *answer) {
			var compressed bytes.Buffer
			writer := gzip.NewWriter(&compressed)
			_, _ = writer.Write(a.body) // into memory: cannot fail
			_ = writer.Close()
			a.body = compressed.Bytes()
			a.header.Set("Content-Encoding", "gzip")
		})
	})
}

// HangUp closes the connection without an answer.
func HangUp() Fault {
	hangUp := delivered("hang-up", deliverNothing)
	return Fault{hangUp.text, func(p *plan) {
		hangUp.apply(p)
		p.edit(func(a *answer) { a.status = 0 })
	}}
}

// CutOff closes the connection in the middle of the answer.
func CutOff() Fault { return delivered("cut-off", deliverHalf) }

// Stall sends half of the answer, and the rest after a while, in real time.
func Stall(d time.Duration) Fault {
	return delivered("stall="+d.String(), deliverSlowly(d))
}

func delivered(text string, deliver delivery) Fault {
	return simple(text, func(p *plan) {
		p.edit(func(a *answer) {
			a.deliver = deliver
			a.fault()
		})
	})
}
