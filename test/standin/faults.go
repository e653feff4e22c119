package standin

import (
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

// variation changes the document of the answer.
func variation(name string, change func(*plan, *answer)) Fault {
	return planned(name, func(p *plan) {
		p.edit(func(a *answer) {
			if a.document != nil {
				change(p, a)
			}
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
		return failed(Faulted, code, fmt.Sprintf("The stand-in was told to answer %d %s", code, http.StatusText(code)))
	})
}

// BodyStatus answers HTTP 200 with another status and a message in the body, and without
// a URL.
func BodyStatus(code int, message string) Fault {
	return instead("body-status="+strconv.Itoa(code), func() *answer {
		answer := failed(Faulted, code, message)
		answer.status = http.StatusOK
		return answer
	})
}

// Throttle answers 429 with a Retry-After in whole seconds, rounded up, or without one
// when retryAfter is not positive.
func Throttle(retryAfter time.Duration) Fault {
	return instead("throttle="+retryAfter.String(), func() *answer {
		answer := failed(Faulted, http.StatusTooManyRequests, "Too many requests")
		if retryAfter > 0 {
			answer.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(retryAfter.Seconds()))))
		}
		return answer
	})
}

// Redirect answers 307 to another place.
func Redirect(location string) Fault {
	return instead("redirect="+location, func() *answer {
		answer := failed(Faulted, http.StatusTemporaryRedirect, "The resource is elsewhere for now")
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

// ForeignHost answers with a URL on another host.
func ForeignHost(host string) Fault {
	return variation("foreign-host="+host, func(_ *plan, a *answer) {
		for i, granted := range a.document.URL {
			_, after, _ := strings.Cut(granted, PagePath)
			a.document.URL[i] = "https://" + host + PagePath + after
		}
		a.fault()
	})
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
	return variation("schema-root", func(_ *plan, a *answer) { a.document.XMLName.Local = schemaRoot })
}

// Message answers with another message.
func Message(text string) Fault {
	return variation("message="+text, func(_ *plan, a *answer) { a.document.Message = text })
}

// EchoKey repeats the key in the message.
func EchoKey() Fault {
	return variation("echo-key", func(p *plan, a *answer) { a.document.Message += " (api_key=" + p.form.key + ")" })
}

// EchoURL repeats the URL in the message.
func EchoURL() Fault {
	return variation("echo-url", func(_ *plan, a *answer) {
		a.document.Message += " (" + strings.Join(a.document.URL, " ") + ")"
	})
}

// CutOff closes the connection in the middle of the answer.
func CutOff() Fault {
	return planned("cut-off", func(p *plan) {
		p.edit(func(a *answer) {
			a.deliver = deliverHalf
			a.fault()
		})
	})
}
