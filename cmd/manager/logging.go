package main

import (
	"io"
	"log/slog"

	"github.com/go-logr/logr"
)

// newLogger logs in the format and from the level of the options. Not even the
// level debug reaches the ones at which client libraries print requests.
func newLogger(o options, out io.Writer) logr.Logger {
	levels := map[string]slog.Level{"error": slog.LevelError, "info": slog.LevelInfo, "debug": slog.LevelDebug}
	handlerOptions := &slog.HandlerOptions{Level: levels[o.logLevel]}
	if o.logFormat == "text" {
		return logr.FromSlogHandler(slog.NewTextHandler(out, handlerOptions))
	}
	return logr.FromSlogHandler(slog.NewJSONHandler(out, handlerOptions))
}
