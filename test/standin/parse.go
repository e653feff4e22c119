package standin

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// named is a fault that people can order by its name and a value.
type named struct {
	name    string
	value   string // an example of it; empty when there is none
	meaning string
	fault   func(value string) (Fault, error)
}

var byName = []named{
	{"latency", "2s", "delay the answer", duration(Latency)},
	{"status", "503", "answer with that HTTP code", code(Status)},
	{"body-status", "401", "answer 200 with that status in the body", code(func(code int) Fault { return BodyStatus(code, "The stand-in was told to say so") })},
	{"throttle", "30s", "answer 429 with that Retry-After, or with none for 0s", duration(Throttle)},
	{"redirect", "https://elsewhere.example/", "answer 307 to that place", text(Redirect)},
	{"html", "", "answer 200 with a web page", plain(HTML)},
	{"foreign-host", "evil.example", "answer with a URL on that host", text(ForeignHost)},
	{"life", "30s", "limit the lifetime of grants", duration(Life)},
	{"same-url", "", "grant the same URL again while it is alive", plain(SameURL)},
	{"schema-root", "", "answer with the root of the schema instead of the sample's", plain(SchemaRoot)},
	{"message", "Hello", "answer with another message", text(Message)},
	{"cut-off", "", "close the connection in the middle of the answer", plain(CutOff)},
}

// ParseFault finds a fault by its name and value, such as status=503. See [FaultHelp].
func ParseFault(order string) (Fault, error) {
	name, value, given := strings.Cut(order, "=")
	for _, known := range byName {
		if known.name != name {
			continue
		}
		if given != (known.value != "") {
			return Fault{}, fmt.Errorf("%s must be written as %s", name, known.example())
		}
		fault, err := known.fault(value)
		if err != nil {
			return Fault{}, fmt.Errorf("%s: %w; for example %s", name, err, known.example())
		}
		return fault, nil
	}
	return Fault{}, fmt.Errorf("unknown fault %q", name)
}

// FaultHelp lists the faults that [ParseFault] knows, one per line.
func FaultHelp() string {
	var help strings.Builder
	for _, known := range byName {
		fmt.Fprintf(&help, "  %-36s %s\n", known.example(), known.meaning)
	}
	return help.String()
}

func (n named) example() string {
	if n.value == "" {
		return n.name
	}
	return n.name + "=" + n.value
}

func plain(fault func() Fault) func(string) (Fault, error) {
	return func(string) (Fault, error) { return fault(), nil }
}

func text(fault func(string) Fault) func(string) (Fault, error) {
	return func(value string) (Fault, error) { return fault(value), nil }
}

// code accepts the codes that net/http can send as a final answer.
func code(fault func(int) Fault) func(string) (Fault, error) {
	return func(value string) (Fault, error) {
		code, err := strconv.Atoi(value)
		if err != nil || code < 200 || code > 599 {
			return Fault{}, errors.New("must be an HTTP code from 200 to 599")
		}
		return fault(code), nil
	}
}

func duration(fault func(time.Duration) Fault) func(string) (Fault, error) {
	return func(value string) (Fault, error) {
		d, err := time.ParseDuration(value)
		if err != nil || d < 0 {
			return Fault{}, errors.New("must be a duration such as 90s")
		}
		return fault(d), nil
	}
}
