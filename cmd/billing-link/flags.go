package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// options is the parsed command line.
type options struct {
	listen    string
	secretDir string
	logFormat string
	version   bool // print the version, and do nothing else
}

const usage = `billing-link redirects browsers to the billing page of one BillingSession. It
answers each GET of / with a redirect to the URL that is in the mounted Secret at
that moment. If no URL there works, it answers with a page that says why (503).

Whoever can reach billing-link is logged in to the billing page. Let it listen
only where an authenticating proxy can reach it, such as the pod's loopback
address.

Flags:
  --listen address      where to listen (default "127.0.0.1:8080"); with ":8080"
                        everyone who can reach the pod is logged in
  --secret-dir folder   where the generated Secret is mounted as a whole volume
                        (default "/billing")
  --log-format format   json or text (default "json"); no log line contains a URL
  --version             print the version and exit
`

// parseFlags reads the command line. Its errors name the flag and the cure.
func parseFlags(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("billing-link", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error is returned, and usage replaces the package's own text
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8080", "")
	flags.StringVar(&o.secretDir, "secret-dir", "/billing", "")
	flags.StringVar(&o.logFormat, "log-format", "json", "")
	flags.BoolVar(&o.version, "version", false, "")
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
		return o, fmt.Errorf("unexpected argument %q: all options begin with --", flags.Arg(0))
	}
	if o.version { // the folder of the Secret is not there where people ask for the version
		return o, nil
	}
	return o, o.check()
}

// check validates the values. It demands the folder but not the entries in it: a kubelet
// makes the folder before the process starts, so a missing one is a typing error, while
// the first URL may come later.
func (o options) check() error {
	if o.logFormat != "json" && o.logFormat != "text" {
		return fmt.Errorf("--log-format: %q is neither json nor text", o.logFormat)
	}
	found, err := os.Stat(o.secretDir)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("--secret-dir: this user may not read it: %w", err)
	}
	if err != nil || !found.IsDir() {
		return fmt.Errorf("--secret-dir: %q is not a folder; give the mountPath of the Secret", o.secretDir)
	}
	return nil
}
