package standin

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// instead replaces the answer.
func instead(name string, replacement func() *answer) Fault {
	return planned(name, func(p *plan) { p.answerWith(replacement()) })
}

// variation changes the document of the answer in a way that the schema allows.
func variation(name string, change func(*plan, *document)) Fault {
	return planned(name, func(p *plan) {
		p.edit(func(a *answer) {
			if a.document != nil {
				change(p, a.document)
			}
		})
	})
}

// broken breaks the document of the answer.
func broken(name string, change func(*plan, *document)) Fault {
	varied := variation(name, change)
	return Fault{name, func(p *plan) {
		varied.change(p)
		p.edit((*answer).fault)
	}}
}

// garbled breaks the bytes of the answer.
func garbled(name string, change func([]byte) []byte) Fault {
	return planned(name, func(p *plan) {
		p.editBytes(func(a *answer) {
			a.body = change(a.body)
			a.fault()
		})
	})
}

// delivered sends the answer in another way.
func delivered(name string, deliver func(http.ResponseWriter, *answer)) Fault {
	return planned(name, func(p *plan) {
		p.edit(func(a *answer) {
			a.deliver = deliver
			a.fault()
		})
	})
}

// Latency delays the answer, in real time. The URL is granted before the delay.
func Latency(d time.Duration) Fault {
	return planned("latency="+d.String(), func(p *plan) { p.delay += d })
}

// Status answers with an HTTP code and the same status in the body.
func Status(code int) Fault {
	return instead("status="+strconv.Itoa(code), func() *answer {
		return failed(code, fmt.Sprintf("The stand-in was told to answer %d %s", code, http.StatusText(code)))
	})
}

// BodyStatus answers HTTP 200 with another status and a message in the body, and without
// a URL.
func BodyStatus(code int, message string) Fault {
	return instead("body-status="+strconv.Itoa(code), func() *answer {
		answer := failed(code, message)
		answer.status = http.StatusOK
		return answer
	})
}

// Throttle answers 429 with a Retry-After in whole seconds, rounded up, or without one
// when retryAfter is not positive.
func Throttle(retryAfter time.Duration) Fault {
	return instead("throttle="+retryAfter.String(), func() *answer {
		answer := failed(http.StatusTooManyRequests, "Too many requests")
		if retryAfter > 0 {
			answer.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
		}
		return answer
	})
}

// Redirect answers 307 to another place.
func Redirect(location string) Fault {
	return instead("redirect="+location, func() *answer {
		answer := failed(http.StatusTemporaryRedirect, "The resource is elsewhere for now")
		answer.header.Set("Location", location)
		return answer
	})
}

// HTML answers HTTP 200 with a web page, as a proxy may do.
func HTML() Fault {
	return instead("html", func() *answer {
		answer := newAnswer(http.StatusOK, nil)
		answer.fault()
		answer.header.Set("Content-Type", "text/html; charset=UTF-8")
		answer.body = []byte("<!doctype html>\n<title>One moment</title>\n<p>Checking your browser.<br>\n")
		return answer
	})
}

// Empty answers without a body.
func Empty() Fault {
	return garbled("empty", func([]byte) []byte { return nil })
}

// Truncated answers with the first half of the body as if it were complete.
func Truncated() Fault {
	return garbled("truncated", func(body []byte) []byte { return body[:len(body)/2] })
}

// Doctype puts a DOCTYPE with an entity before the root.
func Doctype() Fault {
	return garbled("doctype", func(body []byte) []byte {
		return bytes.Replace(body, []byte("?>\n"), []byte("?>\n<!DOCTYPE a [<!ENTITY b \"c\">]>\n"), 1)
	})
}

// NoURL leaves url out.
func NoURL() Fault {
	return broken("no-url", func(_ *plan, d *document) { d.URL = nil })
}

// DuplicateURL answers with the URL twice.
func DuplicateURL() Fault {
	return broken("duplicate-url", func(_ *plan, d *document) { d.URL = append(d.URL, d.URL...) })
}

// ForeignHost answers with a URL on another host.
func ForeignHost(host string) Fault {
	return broken("foreign-host="+host, func(_ *plan, d *document) {
		for i, granted := range d.URL {
			_, after, _ := strings.Cut(granted, PagePath)
			d.URL[i] = "https://" + host + PagePath + after
		}
	})
}

// Expire answers with any text as expire.
func Expire(text string) Fault {
	return broken("expire="+text, func(_ *plan, d *document) { d.Expire = text })
}

// ExpirePast answers with an expire of an hour ago.
func ExpirePast() Fault {
	return broken("expire-past", func(p *plan, d *document) { d.Expire = strconv.FormatInt(p.now.Add(-time.Hour).Unix(), 10) })
}

// Life limits the lifetime of grants to less than was asked for.
func Life(d time.Duration) Fault {
	return planned("life="+d.String(), func(p *plan) { p.maxLife = d })
}

// SameURL grants the last URL again, with its old expire, while it is alive.
func SameURL() Fault {
	return planned("same-url", func(p *plan) { p.sameURL = true })
}

// SchemaRoot answers with the root of the document's schema instead of its sample's.
func SchemaRoot() Fault {
	return variation("schema-root", func(_ *plan, d *document) { d.XMLName.Local = schemaRoot })
}

// NoStatus leaves status out, as the document's schema allows.
func NoStatus() Fault {
	return variation("no-status", func(_ *plan, d *document) { d.Status = "" })
}

// Padded adds what the types of the document's schema allow: white space around values,
// and a plus sign and zeros before numbers.
func Padded() Fault {
	return variation("padded", func(_ *plan, d *document) {
		d.Status, d.Expire = padded(d.Status), padded(d.Expire)
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
	return variation("echo-key", func(p *plan, d *document) { d.Message += " (api_key=" + p.form.key + ")" })
}

// EchoURL repeats the URL in the message.
func EchoURL() Fault {
	return variation("echo-url", func(_ *plan, d *document) { d.Message += " (" + strings.Join(d.URL, " ") + ")" })
}

// Header sets a header of any answer.
func Header(name, value string) Fault {
	return planned("header="+name+": "+value, func(p *plan) {
		p.edit(func(a *answer) { a.header.Set(name, value) })
	})
}

// NoDate leaves the Date header out.
func NoDate() Fault {
	return planned("no-date", func(p *plan) { p.edit(func(a *answer) { a.header["Date"] = nil }) })
}

// HangUp closes the connection without an answer.
func HangUp() Fault {
	hangUp := delivered("hang-up", deliverNothing)
	return Fault{hangUp.name, func(p *plan) {
		hangUp.change(p)
		p.edit(func(a *answer) { a.status = 0 })
	}}
}

// CutOff closes the connection in the middle of the answer.
func CutOff() Fault { return delivered("cut-off", deliverHalf) }
