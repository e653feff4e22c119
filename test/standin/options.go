package standin

import (
	"time"

	"k8s.io/utils/clock"
)

// Option configures a server.
type Option func(*Server)

// WithKeys gives keys access.
func WithKeys(keys ...string) Option {
	return func(s *Server) { s.keys.add(keys...) }
}

// AcceptAnyKey gives all keys access, except revoked ones.
func AcceptAnyKey() Option {
	return func(s *Server) { s.keys.acceptAny() }
}

// WithClock replaces the machine's clock. [Latency], [Stall] and [Server.Hold] still wait
// in real time.
func WithClock(clock clock.PassiveClock) Option {
	return func(s *Server) { s.clock.inner = clock }
}

// WithClockOffset is [Server.SetClockOffset] from the start.
func WithClockOffset(offset time.Duration) Option {
	return func(s *Server) { s.clock.skew(offset) }
}

// WithBaseURL sets the scheme and host of granted URLs. By default they are those that
// the client called.
func WithBaseURL(base string) Option {
	return func(s *Server) { s.base = base }
}

// WithMaxLife limits the lifetime of granted URLs. The default is the document's limit
// of three days.
func WithMaxLife(life time.Duration) Option {
	return func(s *Server) { s.maxLife = min(life, maxLife) }
}

// WithTokens replaces the random part of granted URLs. next must never return the same
// token twice.
func WithTokens(next func() string) Option {
	return func(s *Server) { s.tokens = next }
}

// WithFaults is [Server.Misbehave] from the start. It may be used more than once.
func WithFaults(faults ...Fault) Option {
	return func(s *Server) { s.faults.set(append(s.faults.common, faults...)) }
}

// WithSeed seeds the random decisions of [Sometimes].
func WithSeed(seed uint64) Option {
	return func(s *Server) { s.faults.seed(seed) }
}

// SingleUse makes each URL work once.
func SingleUse() Option {
	return func(s *Server) { s.singleUse = true }
}

// SchemaRoot answers with the root of the document's schema, billings_response, instead
// of that of its sample, documents_response.
func SchemaRoot() Option {
	return func(s *Server) { s.root = schemaRoot }
}

// RejectInBody answers a key without access with HTTP 200, and 403 only in the body.
func RejectInBody() Option {
	return func(s *Server) { s.rejectInBody = true }
}

// OnAnswer calls observe with each entry of the log, before the answer is sent. observe
// must be safe for concurrent use.
func OnAnswer(observe func(Request)) Option {
	return func(s *Server) { s.observe = observe }
}

// WithControl serves the control API under /_standin/. See [ControlHelp].
func WithControl() Option {
	return func(s *Server) { s.serveControl() }
}
