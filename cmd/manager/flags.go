package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"
)

// options are what the command line says.
type options struct {
	kubeconfig string

	endpointURL     string
	endpointCAFile  string
	endpointTimeout time.Duration
	endpointQPS     float64
	endpointBurst   int
	allowedURLHosts []string

	watchNamespaces    []string
	watchLabelSelector string
	concurrency        int

	leaderElect             bool
	leaderElectionID        string
	leaderElectionNamespace string

	metricsBindAddress     string
	metricsSecure          bool
	metricsPerSession      bool
	healthProbeBindAddress string

	logLevel  string
	logFormat string

	version bool // print the version, and do nothing else
}

const usage = `manager keeps the URLs of BillingSession resources alive: it asks Xtracta's
endpoint for a group's temporary billing page, writes the URL into a Secret and
the resource's status, and asks again before it expires.

The cluster is the one of --kubeconfig, else of the environment's KUBECONFIG, else
the one that the process runs in.

Flags:
`

// parseFlags reads the command line, and writes help where that is asked for. Its errors
// name the flag and the cure.
func parseFlags(args []string, help io.Writer) (options, error) {
	var o options
	flags := pflag.NewFlagSet("manager", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() { fmt.Fprint(help, usage, flags.FlagUsagesWrapped(100)) }

	flags.StringVar(&o.endpointURL, "endpoint-url", "https://api-app.xtracta.com/v1/billings/billing_ui",
		"`URL` that is asked; https, or http for a loopback address")
	flags.StringVar(&o.endpointCAFile, "endpoint-ca-file", "",
		"`file` with PEM certificates to trust for the endpoint beside the well-known ones")
	flags.DurationVar(&o.endpointTimeout, "endpoint-timeout", 10*time.Second, "longest that one request may take, 30s at most")
	flags.Float64Var(&o.endpointQPS, "endpoint-qps", 20, "requests a second at most, over all sessions; 0 for no limit")
	flags.IntVar(&o.endpointBurst, "endpoint-burst", 40, "requests that may exceed --endpoint-qps for a moment")
	flags.StringSliceVar(&o.allowedURLHosts, "allowed-url-hosts", []string{"xtracta.com", "*.xtracta.com"},
		"`hosts` that a granted URL may point to beside the endpoint's own; a name means itself, '*.' what is under it")
	flags.StringSliceVar(&o.watchNamespaces, "watch-namespaces", nil, "`namespaces` to serve, comma-separated (default all)")
	flags.StringVar(&o.watchLabelSelector, "watch-label-selector", "",
		"`selector` of the sessions to serve by their labels (default all); give each shard its own --leader-election-id")
	flags.IntVar(&o.concurrency, "concurrency", 16, "requests that may be under way at once")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "let one of several replicas work, the others stand by with warm caches")
	flags.StringVar(&o.leaderElectionID, "leader-election-id", "billing-operator", "`name` of the lease")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", "", "`namespace` of the lease (default the pod's own)")
	flags.StringVar(&o.metricsBindAddress, "metrics-bind-address", ":8443", "`address` of the metrics; 0 for none")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true,
		"serve metrics over https, to clients that the API server authenticates and authorizes")
	flags.BoolVar(&o.metricsPerSession, "metrics-per-session", true,
		"give each session series of its own; if not they are only counted, for fleets of tens of thousands")
	flags.StringVar(&o.healthProbeBindAddress, "health-probe-bind-address", ":8081", "`address` of /healthz and /readyz; 0 for none")
	flags.StringVar(&o.logLevel, "log-level", "info", "`level`: error, info or debug")
	flags.StringVar(&o.logFormat, "log-format", "json", "`format`: json or text")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "`file` that says how to reach the cluster")
	flags.BoolVar(&o.version, "version", false, "print the version and exit")

	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: every option begins with --", flags.Arg(0))
	}
	return o, errors.Join(
		must(len(o.watchNamespaces) > 0 || !flags.Changed("watch-namespaces"),
			"--watch-namespaces: names none; leave it out to serve all namespaces"),
		o.check(),
	)
}
