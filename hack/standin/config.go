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
	version bool // print the version, and do nothing else
	keys    []string
	options []standin.Option
}

func parseConfig(args []string, out io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("standin", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&c.listen, "listen", "127.0.0.1:8080", "`address` to listen on; port 0 chooses a free one")
	flags.StringVar(&c.baseURL, "base-url", "", "scheme and host of granted URLs, as a `URL` (default those that the client called)")
	flags.StringVar(&c.tlsCert, "tls-cert", "", "PEM `file` with a certificate chain, to serve https")
	flags.StringVar(&c.tlsKey, "tls-key", "", "PEM `file` with the key of the certificate")
	flags.BoolVar(&c.control, "control", false, "serve the control API under /_standin/")
	flags.Func("key", "a `key` that has access; may be repeated (default any key)", func(key string) error {
		c.keys = append(c.keys, key)
		return nil
	})
	flags.Func("fault", "an initial `fault`, such as status=503; may be repeated", option(&c, standin.ParseFault, initialFault))
	flags.Func("max-life", "maximum `duration` for which URLs are granted (default 72h)", option(&c, time.ParseDuration, standin.WithMaxLife))
	flags.Func("clock-offset", "`duration` by which the server's clock is ahead, or behind when negative", option(&c, time.ParseDuration, standin.WithClockOffset))
	flags.Func("seed", "`number` that seeds the faults with a chance (default 1)", option(&c, parseSeed, standin.WithSeed))
	flags.BoolFunc("single-use", "make each URL work once", option(&c, strconv.ParseBool, ifTrue(standin.SingleUse)))
	flags.BoolFunc("schema-root", "answer with the root of the document's schema, instead of its sample's", option(&c, strconv.ParseBool, ifTrue(standin.SchemaRoot)))
	flags.BoolFunc("reject-in-body", "answer a key without access with HTTP 200, and 403 only in the body", option(&c, strconv.ParseBool, ifTrue(standin.RejectInBody)))
	flags.BoolVar(&c.version, "version", false, "print the version and exit")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	return c.complete(flags.Args())
}

// complete checks how flags fit together, and turns them into options.
func (c config) complete(args []string) (config, error) {
	if len(args) > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", args[0])
	}
	if (c.tlsCert == "") != (c.tlsKey == "") {
		return config{}, errors.New("--tls-cert and --tls-key must be set together")
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

// option turns the value of a flag into an option.
func option[T any](c *config, parse func(string) (T, error), option func(T) standin.Option) func(string) error {
	return func(text string) error {
		value, err := parse(text)
		if err == nil {
			c.options = append(c.options, option(value))
		}
		return err
	}
}

// ifTrue sets an option when its flag is true.
func ifTrue(chosen func() standin.Option) func(bool) standin.Option {
	return func(wanted bool) standin.Option {
		if wanted {
			return chosen()
		}
		return func(*standin.Server) {}
	}
}

func initialFault(fault standin.Fault) standin.Option { return standin.WithFaults(fault) }

func parseSeed(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) }

func usage(flags *flag.FlagSet) {
	out := flags.Output()
	_, _ = fmt.Fprint(out, "A stand-in of Xtracta's endpoint, which grants URLs of an invented billing page.\n\n")
	flags.PrintDefaults()
	_, _ = fmt.Fprint(out, "\nWith --control:\n\n"+standin.ControlHelp("http://127.0.0.1:8080"))
}

func (c config) serve(server *http.Server, listener net.Listener) error {
	if c.tlsCert != "" {
		return server.ServeTLS(listener, c.tlsCert, c.tlsKey)
	}
	return server.Serve(listener)
}

// banner says where the server is and how to use it.
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

The URL in its answer opens an invented billing page until it expires. Ctrl-C stops the server.
`, base, trust, key, base, standin.Path)
	if c.control {
		banner += fmt.Sprintf("To make it misbehave, see: curl %s%s/_standin/\n", trust, base)
	}
	return banner + "\n"
}

// logTo logs each request, without its key and URL.
func logTo(out io.Writer) func(standin.Request) {
	logger := log.New(out, "", log.LstdFlags)
	return func(r standin.Request) { logger.Print(r.Summary()) }
}
