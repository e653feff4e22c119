package standin

import (
	"time"

	"k8s.io/utils/clock"
)

// Option is one way in which a server differs from the plain one.
type Option func(*Server)

// WithKeys makes keys known.
func WithKeys(keys ...string) Option {
	return func(s *Server) { s.keys.add(keys...) }
}

// AcceptAnyKey grants a URL for every key but those that were revoked.
func AcceptAnyKey() Option {
	return func(s *Server) { s.keys.acceptAny() }
}

// WithClock makes the server live by another clock than the machine's. Only
// [Latency], [Stall] and [Server.Hold] wait in real time.
func WithClock(clock clock.PassiveClock) Option {
	return func(s *Server) { s.clock.inner = clock }
}

// WithClockOffset is [Server.SetClockOffset] from the start.
func WithClockOffset(offset time.Duration) Option {
	return func(s *Server) { s.clock.skew(offset) }
}

// WithBaseURL sets the scheme and host of granted URLs. Without it they point to
// where the client called.
func WithBaseURL(base string) Option {
	return func(s *Server) { s.base = base }
}

// WithMaxLife grants no more than that, whatever is asked for. Without it the
// limit is the document's: three days.
func WithMaxLife(life time.Duration) Option {
	return func(s *Server) { s.maxLife = min(life, maxLife) }
}

// WithTokens replaces the random part of granted URLs. Each call must return
// another one.
func WithTokens(next func() string) Option {
	return func(s *Server) { s.tokens = next }
}

// WithFaults is [Server.Misbehave] from the start. It may be given more than once.
func WithFaults(faults ...Fault) Option {
	return func(s *Server) { s.mischief.set(append(s.mischief.common, faults...)) }
}

// WithSeed seeds what [Sometimes] decides by.
func WithSeed(seed uint64) Option {
	return func(s *Server) { s.mischief.seed(seed) }
}

// SingleUse makes each URL work once.
func SingleUse() Option {
	return func(s *Server) { s.singleUse = true }
}

// SchemaRoot answers with billings_response as root, as the schema in the
// document says, instead of documents_response, as its sample does.
func SchemaRoot() Option {
	return func(s *Server) { s.root = schemaRoot }
}

// RejectInBody answers an unknown key with HTTP 200 and the 403 in the body alone.
func RejectInBody() Option {
	return func(s *Server) { s.bodyStatus = true }
}

// OnAnswer is called with what goes into the log, once for each request, before
// its answer is sent. It may be called from many goroutines at once.
func OnAnswer(observe func(Request)) Option {
	return func(s *Server) { s.observe = observe }
}

// WithControl serves the control API under /_standin/, see [ControlHelp].
func WithControl() Option {
	return func(s *Server) { s.serveControl() }
}
