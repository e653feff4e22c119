// Command standin serves a stand-in of Xtracta's endpoint, which grants URLs of an
// invented billing page. With it, the operator can be tried without an account:
//
//	go run ./hack/standin --listen 127.0.0.1:8080
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/xtracta/billing-operator/cmd/version"
	"github.com/xtracta/billing-operator/test/standin"
)

// shutdownTimeout is how long answers under way may take to end. It is short, because a
// connection that a browser opened in advance and never used takes all of it.
const shutdownTimeout = time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	config, err := parseConfig(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		err = run(ctx, config, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

// run serves until the context ends, unless only the version is wanted.
func run(ctx context.Context, c config, out io.Writer) error {
	if c.version {
		_, err := fmt.Fprintln(out, "standin", version.Get())
		return err
	}
	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           standin.New(append(c.options(), standin.OnAnswer(logTo(out)))...),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
	}
	_, _ = fmt.Fprint(out, c.banner(listener.Addr()))
	served := make(chan error, 1)
	go func() { served <- c.serve(server, listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	shutdown, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := server.Shutdown(shutdown); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}

// logTo logs each request, without its key and URL.
func logTo(out io.Writer) func(standin.Request) {
	logger := log.New(out, "", log.LstdFlags)
	return func(r standin.Request) { logger.Print(r.Summary()) }
}
