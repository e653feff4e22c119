package main

import (
	"context"
	"io"
	"log/slog"

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
		handler = withoutProbes{handler}
	}
	return logr.FromSlogHandler(handler)
}

// withoutProbes leaves out that a probe was answered no: it is while caches are
// filled, the kubelet tells of it, and what keeps them from it is logged by itself.
type withoutProbes struct{ slog.Handler }

// Handle implements slog.Handler.
func (h withoutProbes) Handle(ctx context.Context, record slog.Record) error {
	probe := false
	record.Attrs(func(a slog.Attr) bool {
		probe = a.Key == "logger" && a.Value.String() == "controller-runtime/healthz"
		return !probe
	})
	if probe {
		return nil
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs implements slog.Handler.
func (h withoutProbes) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withoutProbes{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h withoutProbes) WithGroup(name string) slog.Handler {
	return withoutProbes{h.Handler.WithGroup(name)}
}
