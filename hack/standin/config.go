package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
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
	maxLife time.Duration
	keys    []string
	faults  []standin.Fault
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
	flags.DurationVar(&c.maxLife, "max-life", 72*time.Hour, "maximum `duration` for which URLs are granted")
	flags.Func("key", "a `key` that has access; may be repeated (default any key)", func(key string) error {
		c.keys = append(c.keys, key)
		return nil
	})
	flags.Func("fault", "an initial `fault`, such as status=503; may be repeated", func(order string) error {
		fault, err := standin.ParseFault(order)
		c.faults = append(c.faults, fault)
		return err
	})
	flags.BoolVar(&c.version, "version", false, "print the version and exit")
	flags.Usage = func() { usage(flags) }
	if err := flags.Parse(args); err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if (c.tlsCert == "") != (c.tlsKey == "") {
		return config{}, errors.New("--tls-cert and --tls-key must be set together")
	}
	return c, nil
}

// options are what the command line wants of the stand-in.
func (c config) options() []standin.Option {
	options := []standin.Option{
		standin.WithBaseURL(c.baseURL), standin.WithMaxLife(c.maxLife), standin.WithKeys(c.keys...), standin.WithFaults(c.faults...),
	}
	if len(c.keys) == 0 {
		options = append(options, standin.AcceptAnyKey())
	}
	if c.control {
		options = append(options, standin.WithControl())
	}
	return options
}

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
