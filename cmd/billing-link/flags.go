package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// options are what the command line says.
type options struct {
	listen    string
	secretDir string
	logFormat string
}

const usage = `billing-link sends browsers to the billing page of one BillingSession. Each GET
of / is answered with a redirect to the URL that is in the mounted Secret at that
moment; while none there works, with a page that says so (503).

Whoever reaches it is logged in to the billing page. Let it listen where only an
authenticating proxy reaches it, such as the pod's own loopback address.

Flags:
  --listen address      where to serve (default "127.0.0.1:8080"); ":8080" is for
                        whoever reaches the pod
  --secret-dir folder   where the generated Secret is mounted, as a whole volume
                        (default "/billing")
  --log-format format   json or text (default "json"); no line holds a URL
`

// parseFlags reads the command line. Its errors name the flag and the cure.
func parseFlags(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("billing-link", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error is returned, and the usage is our own
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "")
	flags.StringVar(&o.secretDir, "secret-dir", "/billing", "")
	flags.StringVar(&o.logFormat, "log-format", "json", "")
	err := flags.Parse(args)
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(out, usage)
		return o, err
	default:
		return o, fmt.Errorf("%w; see --help", err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: every option begins with --", flags.Arg(0))
	}
	return o, o.check()
}

// check finds what parsing alone does not. Entries may come later than the
// process; the folder is there from the start, so one that is not is a typing error.
func (o options) check() error {
	if o.logFormat != "json" && o.logFormat != "text" {
		return fmt.Errorf("--log-format: %q is neither json nor text", o.logFormat)
	}
	if found, err := os.Stat(o.secretDir); err != nil || !found.IsDir() {
		return fmt.Errorf("--secret-dir: %q is not a folder; name the mountPath of the Secret", o.secretDir)
	}
	return nil
}
