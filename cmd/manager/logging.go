package main

import (
	"context"
	"io"
	stdlog "log"
	"log/slog"
	"strings"

	"github.com/go-logr/logr"
)

// newLogger logs in the format and from the level of the options. Not even the
// level debug reaches the ones at which client libraries print requests.
func newLogger(o options, out io.Writer) logr.Logger {
	levels := map[string]slog.Level{"error": slog.LevelError, "info": slog.LevelInfo, "debug": slog.LevelDebug}
	handlerOptions := &slog.HandlerOptions{Level: levels[o.logLevel]}
	var handler slog.Handler = slog.NewJSONHandler(out, handlerOptions)
	if o.logFormat == "text" {
		handler = slog.NewTextHandler(out, handlerOptions)
	}
	if o.logLevel != "debug" {
		handler = quietHandler{handler}
	}
	return logr.FromSlogHandler(handler)
}

// setStandardLog makes Go's own packages log as everything else does.
func setStandardLog(log logr.Logger) {
	stdlog.SetFlags(0)
	stdlog.SetOutput(standardLog{log})
}

// standardLog leaves out what net/http quotes of a server that answers before it is asked: it may
// be an answer to somebody else, which is a login.
type standardLog struct{ log logr.Logger }

// Write implements io.Writer.
func (s standardLog) Write(line []byte) (int, error) {
	message, _, _ := strings.Cut(strings.TrimSpace(string(line)), " starting with ")
	s.log.Info(message)
	return len(line), nil
}

// quietHandler leaves out what sounds like trouble and is none.
type quietHandler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h quietHandler) Handle(ctx context.Context, record slog.Record) error {
	quiet := isAbandonedReview(record.Message)
	record.Attrs(func(a slog.Attr) bool {
		quiet = quiet || isFailedProbe(a) || isReleasedLease(record, a) || isAbandonedScrape(record, a)
		return !quiet
	})
	if quiet {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// isFailedProbe reports whether a probe was answered no. It is while caches are filled, the
// kubelet tells of it, and what keeps them from it is logged by itself.
func isFailedProbe(a slog.Attr) bool {
	return a.Key == "logger" && a.Value.String() == "controller-runtime/healthz"
}

// isReleasedLease reports whether the record calls the lease lost that a manager gave up
// because it was told to stop. controller-runtime logs that as an error, at some stops and
// not at others. A lease that is really lost ends the manager with that error.
func isReleasedLease(record slog.Record, a slog.Attr) bool {
	return record.Message == "error received after stop sequence was engaged" &&
		a.Key == "err" && a.Value.String() == "leader election lost"
}

// isAbandonedScrape reports whether the record says that a scraper could not be authenticated or
// authorized because it hung up while the API server was asked. Prometheus tells of such a scrape
// itself. An API server that refuses, or that does not answer within its ten seconds, is an error.
func isAbandonedScrape(record slog.Record, a slog.Attr) bool {
	return a.Key == "err" && isCanceled(a.Value.String()) &&
		(record.Message == "Authentication failed" || strings.HasPrefix(record.Message, "Authorization for user "))
}

// isAbandonedReview reports whether the message is what the API server's client says of the same
// scrape, one line earlier.
func isAbandonedReview(message string) bool {
	return strings.HasPrefix(message, "Failed to make webhook auth") && isCanceled(message)
}

// isCanceled reports whether the text tells of a request that whoever made it has given up.
func isCanceled(text string) bool { return strings.HasSuffix(text, context.Canceled.Error()) }

// WithAttrs implements slog.Handler.
func (h quietHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quietHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h quietHandler) WithGroup(name string) slog.Handler {
	return quietHandler{h.Handler.WithGroup(name)}
}
