package standin

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// separator separates faults that are combined.
const separator = " + "

// faultSyntax is the textual form of one fault.
type faultSyntax struct {
	name     string
	argument string // an example of the text after the =, empty without an argument
	meaning  string
	parse    func(argument string) (Fault, error)
}

// syntax lists all faults that have a textual form. A test parses the examples.
func syntax() []faultSyntax {
	return []faultSyntax{
		{"latency", "2s", "delay the answer", duration(Latency)},
		{"status", "503", "answer with that HTTP code", code(Status)},
		{"body-status", "401,Key revoked", "answer 200 with that status and message in the body", pair(",", bodyStatus)},
		{"throttle", "30s", "answer 429 with that Retry-After, or with none for 0s", duration(Throttle)},
		{"rate", "5/30s", "let that many requests of each key through in that time", pair("/", rate(RateLimit))},
		{"shared-rate", "5/30s", "the same limit for all keys together", pair("/", rate(SharedRateLimit))},
		{"redirect", "https://elsewhere.example/", "answer 307 to that place", text(Redirect)},
		{"header", "Retry-After: soon", "set a header of the answer", pair(": ", header)},
		{"no-date", "", "omit the Date header", plain(NoDate)},
		{"html", "", "answer 200 with a web page", plain(HTML)},
		{"body", "text/plain,hello", "answer 200 with that media type and body", pair(",", body)},
		{"empty", "", "answer 200 without a body", plain(Empty)},
		{"truncated", "", "send only the first half of the body", plain(Truncated)},
		{"doctype", "", "put a DOCTYPE before the root", plain(Doctype)},
		{"trailing", "", "put a second root after the first", plain(Trailing)},
		{"root", "invoices_response", "give the root another name", text(Root)},
		{"namespace", "urn:elsewhere", "put the document into a namespace", text(Namespace)},
		{"no-url", "", "omit url", plain(NoURL)},
		{"no-expire", "", "omit expire", plain(NoExpire)},
		{"url", "//host/page", "answer with another URL", text(URL)},
		{"foreign-host", "evil.example", "answer with a URL on that host", text(ForeignHost)},
		{"duplicate-url", "", "answer with the URL twice", plain(DuplicateURL)},
		{"expire", "soon", "answer with another expire", text(Expire)},
		{"expire-past", "", "answer with an expire of an hour ago", plain(ExpirePast)},
		{"expire-relative", "", "answer with the lifetime instead of the time of expiry", plain(ExpireRelative)},
		{"expire-far", "", "answer with an expire in ten years", plain(ExpireFar)},
		{"life", "30s", "limit the lifetime of grants", duration(Life)},
		{"same-url", "", "grant the same URL again while it is alive", plain(SameURL)},
		{"no-status", "", "omit status, as the schema allows", plain(NoStatus)},
		{"padded", "", "add white space, plus signs and zeros to values", plain(Padded)},
		{"message", "Hello", "answer with another message", text(Message)},
		{"echo-key", "", "repeat the key in the message", plain(EchoKey)},
		{"echo-url", "", "repeat the URL in the message", plain(EchoURL)},
		{"huge", "1048576", "make the message that long, in bytes", number(Huge)},
		{"gzip", "", "compress the answer", plain(Gzip)},
		{"hang-up", "", "close the connection without an answer", plain(HangUp)},
		{"cut-off", "", "close the connection in the middle of the answer", plain(CutOff)},
		{"stall", "5s", "send half of the answer, and the rest after that time", duration(Stall)},
	}
}

// ParseFault parses the textual form of a fault, which the control API takes and
// [Fault.String] returns: a fault of [FaultHelp], or several separated by " + ".
// The prefix times=N limits all that follows to the next N requests, and chance=P to a
// share P of the requests.
//
//	times=3 status=503
//	chance=0.2 throttle=30s
//	status=429 + header=Retry-After: soon
func ParseFault(text string) (Fault, error) {
	faults, err := parseFaults(strings.TrimSpace(text))
	if err != nil {
		return Fault{}, err
	}
	return combine(faults), nil
}

// FaultHelp lists the faults that [ParseFault] knows, one per line.
func FaultHelp() string {
	var help strings.Builder
	for _, s := range syntax() {
		fmt.Fprintf(&help, "  %-36s %s\n", s.example(), s.meaning)
	}
	return help.String()
}

func (s faultSyntax) example() string {
	if s.argument == "" {
		return s.name
	}
	return s.name + "=" + s.argument
}

func parseFaults(text string) ([]Fault, error) {
	if modifier, rest, found := strings.Cut(text, " "); found {
		if wrap, err := parseModifier(modifier); wrap != nil || err != nil {
			return wrapped(wrap, rest, err)
		}
	}
	first, rest, more := strings.Cut(text, separator)
	fault, err := parseOne(first)
	if err != nil || !more {
		return []Fault{fault}, err
	}
	others, err := parseFaults(rest)
	return append([]Fault{fault}, others...), err
}

func wrapped(wrap func(...Fault) Fault, rest string, err error) ([]Fault, error) {
	if err != nil {
		return nil, err
	}
	faults, err := parseFaults(rest)
	if err != nil {
		return nil, err
	}
	return []Fault{wrap(faults...)}, nil
}

// parseModifier parses times=N and chance=P. For any other text it returns nil.
func parseModifier(text string) (func(...Fault) Fault, error) {
	name, value, _ := strings.Cut(text, "=")
	switch name {
	case "times":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return nil, errors.New("times must be a whole number from 1")
		}
		return func(faults ...Fault) Fault { return Times(n, faults...) }, nil
	case "chance":
		p, err := strconv.ParseFloat(value, 64)
		if err != nil || !(p >= 0 && p <= 1) {
			return nil, errors.New("chance must be a number from 0 to 1")
		}
		return func(faults ...Fault) Fault { return Sometimes(p, faults...) }, nil
	}
	return nil, nil
}

func parseOne(text string) (Fault, error) {
	name, argument, given := strings.Cut(text, "=")
	for _, s := range syntax() {
		if s.name != name {
			continue
		}
		if given != (s.argument != "") {
			return Fault{}, fmt.Errorf("%s must be written as %s", name, s.example())
		}
		fault, err := s.parse(argument)
		if err != nil {
			return Fault{}, fmt.Errorf("%s: %w; for example %s", name, err, s.example())
		}
		return fault, nil
	}
	return Fault{}, fmt.Errorf("unknown fault %q", name)
}

func plain(fault func() Fault) func(string) (Fault, error) {
	return func(string) (Fault, error) { return fault(), nil }
}

func text(fault func(string) Fault) func(string) (Fault, error) {
	return func(argument string) (Fault, error) { return fault(argument), nil }
}

func number(fault func(int) Fault) func(string) (Fault, error) {
	return func(argument string) (Fault, error) {
		n, err := parseNumber(argument)
		return fault(n), err
	}
}

func code(fault func(int) Fault) func(string) (Fault, error) {
	return func(argument string) (Fault, error) {
		code, err := parseCode(argument)
		return fault(code), err
	}
}

func duration(fault func(time.Duration) Fault) func(string) (Fault, error) {
	return func(argument string) (Fault, error) {
		d, err := parseDuration(argument)
		return fault(d), err
	}
}

// pair parses an argument of two parts.
func pair(separator string, fault func(first, second string) (Fault, error)) func(string) (Fault, error) {
	return func(argument string) (Fault, error) {
		first, second, found := strings.Cut(argument, separator)
		if !found {
			return Fault{}, fmt.Errorf("must have two parts with %q between them", separator)
		}
		return fault(first, second)
	}
}

func bodyStatus(first, message string) (Fault, error) {
	code, err := parseNumber(first)
	return BodyStatus(code, message), err
}

func header(name, value string) (Fault, error) { return Header(name, value), nil }

func body(mediaType, content string) (Fault, error) { return Body(mediaType, content), nil }

func rate(fault func(int, time.Duration) Fault) func(first, second string) (Fault, error) {
	return func(first, second string) (Fault, error) {
		n, nErr := parseNumber(first)
		window, err := parseDuration(second)
		return fault(n, window), cmp.Or(nErr, err)
	}
}

func parseNumber(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, errors.New("must be a whole number")
	}
	return n, nil
}

// parseCode accepts the codes that net/http can send as a final answer.
func parseCode(text string) (int, error) {
	code, err := strconv.Atoi(text)
	if err != nil || code < 200 || code > 599 {
		return 0, errors.New("must be an HTTP code from 200 to 599")
	}
	return code, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, errors.New("must be a duration such as 90s")
	}
	return d, nil
}
