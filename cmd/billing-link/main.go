// Command billing-link redirects browsers to the billing page of one BillingSession.
// Its own address is stable, while the page's URL changes every few minutes. It needs
// no access to the cluster, only the mounted Secret.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/xtracta/billing-operator/cmd/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "billing-link:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, logs io.Writer, now func() time.Time) error {
	o, err := parseFlags(args, logs)
	if err != nil {
		return err
	}
	if o.version {
		_, err := fmt.Fprintln(out, "billing-link", version.Get())
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	log := newLogger(o, logs)
	log.Info("listening", "version", version.Get().Version, "address", listener.Addr().String())
	return serve(ctx, listener, &http.Server{
		Handler:           link{dir: o.secretDir, now: now, log: log}.handler(),
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: clientTimeout,
		WriteTimeout:      clientTimeout,
		IdleTimeout:       time.Minute,
	})
}

// clientTimeout bounds how long a slow client may take to send its request or to read
// the answer, also after the process was told to stop.
const clientTimeout = 10 * time.Second

// serve answers requests until ctx ends. It then finishes those that have begun.
func serve(ctx context.Context, listener net.Listener, server *http.Server) error {
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), clientTimeout)
		defer cancel()
		stopped <- server.Shutdown(ending)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

func newLogger(o options, out io.Writer) *slog.Logger {
	if o.logFormat == "text" {
		return slog.New(slog.NewTextHandler(out, nil))
	}
	return slog.New(slog.NewJSONHandler(out, nil))
}
