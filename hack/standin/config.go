package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// config is the command line.
type config struct {
	listen  string
	baseURL string
	tlsCert string
	tlsKey  string
	control bool
	keys    []string
	options []standin.Option
}

func parseConfig(args []string, out io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 takes a free one")
	flags.StringVar(&c.baseURL, "base-url", "", "scheme and host of granted URLs, as a `URL` (default where the client called)")
	flags.StringVar(&c.tlsCert, "tls-cert", "", "PEM `file` of a certificate chain; with --tls-key it serves https")
	flags.StringVar(&c.tlsKey, "tls-key", "", "PEM `file` of the certificate's key")
	flags.BoolVar(&c.control, "control", false, "serve the control API under /_standin/")
	flags.Func("key", "a `key` that has access; may be repeated (default any key)", func(key string) error {
		c.keys = append(c.keys, key)
		return nil
	})
	flags.Func("fault", "a `fault` to begin with, such as status=503; may be repeated", option(&c, standin.ParseFault, begin))
	flags.Func("max-life", "grant no more than that `duration` (default 72h)", option(&c, time.ParseDuration, standin.WithMaxLife))
	flags.Func("clock-offset", "a `duration` by which the server's clock is ahead, or behind when negative", option(&c, time.ParseDuration, standin.WithClockOffset))
	flags.Func("seed", "`number` that seeds faults with a chance (default 1)", option(&c, parseSeed, standin.WithSeed))
	flags.BoolFunc("single-use", "make each URL work once", option(&c, strconv.ParseBool, only(standin.SingleUse)))
	flags.BoolFunc("schema-root", "answer with the root that the document's schema names", option(&c, strconv.ParseBool, only(standin.SchemaRoot)))
	flags.BoolFunc("reject-in-body", "answer an unknown key with HTTP 200, and 403 in the body", option(&c, strconv.ParseBool, only(standin.RejectInBody)))
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	return c.complete(flags.Args())
}

// complete checks what no flag can check alone, and makes the options of it.
func (c config) complete(rest []string) (config, error) {
	if len(rest) > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", rest[0])
	}
	if (c.tlsCert == "") != (c.tlsKey == "") {
		return config{}, errors.New("--tls-cert and --tls-key go together")
	}
	c.options = append(c.options, standin.WithBaseURL(c.baseURL), standin.WithKeys(c.keys...))
	if len(c.keys) == 0 {
		c.options = append(c.options, standin.AcceptAnyKey())
	}
	if c.control {
		c.options = append(c.options, standin.WithControl())
	}
	return c, nil
}

// option makes a flag's value an option.
func option[T any](c *config, parse func(string) (T, error), option func(T) standin.Option) func(string) error {
	return func(text string) error {
		value, err := parse(text)
		if err == nil {
			c.options = append(c.options, option(value))
		}
		return err
	}
}

// only takes an option when its flag is true.
func only(chosen func() standin.Option) func(bool) standin.Option {
	return func(wanted bool) standin.Option {
		if wanted {
			return chosen()
		}
		return func(*standin.Server) {}
	}
}

func begin(fault standin.Fault) standin.Option { return standin.WithFaults(fault) }

func parseSeed(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }

func usage(flags *flag.FlagSet) {
	out := flags.Output()
	_, _ = fmt.Fprint(out, "A stand-in of Xtracta's endpoint: it grants URLs of an invented billing page.\n\n")
	flags.PrintDefaults()
	_, _ = fmt.Fprint(out, "\nWith --control:\n\n"+standin.ControlHelp("http://127.0.0.1:8080"))
}

func (c config) serve(server *http.Server, listener net.Listener) error {
	if c.tlsCert != "" {
		return server.ServeTLS(listener, c.tlsCert, c.tlsKey)
	}
	return server.Serve(listener)
}

// banner greets, and shows what to type.
func (c config) banner(address net.Addr) string {
	base, trust := "http://"+address.String(), ""
	if c.tlsCert != "" {
		base, trust = "https://"+address.String(), "--cacert "+c.tlsCert+" "
	}
	key := "123"
	if len(c.keys) > 0 {
		key = "KEY"
	}
	banner := fmt.Sprintf(`A stand-in of Xtracta's endpoint is at %s

  curl %s-d api_key=%s -d expire=600 %s%s

The URL in its answer opens an invented billing page until it expires. Ctrl-C ends it.
`, base, trust, key, base, standin.Path)
	if c.control {
		banner += fmt.Sprintf("How to make it misbehave: curl %s%s/_standin/\n", trust, base)
	}
	return banner + "\n"
}

// logTo writes a line for each request, without its key and URL.
func logTo(out io.Writer) func(standin.Request) {
	logger := log.New(out, "", log.LstdFlags)
	return func(r standin.Request) {
		logger.Print(describe(r))
	}
}

func describe(r standin.Request) string {
	line := fmt.Sprintf("key %s: %s", orDash(r.Key), r.Outcome)
	switch {
	case r.Outcome == standin.Granted:
		line += fmt.Sprintf(" for %s", r.Life)
	case r.Status != 0:
		line += fmt.Sprintf(" with %d", r.Status)
	}
	if r.Fault != "" {
		line += " (" + r.Fault + ")"
	}
	return line
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
