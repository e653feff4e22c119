package standin

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// Server stands in for Xtracta's API. Its methods are safe for concurrent use.
type Server struct {
	clock   clock.PassiveClock
	base    string
	tokens  func() string
	maxLife time.Duration
	observe func(Request)
	routes  *http.ServeMux

	mu       sync.Mutex
	offset   time.Duration   // of the server's clock from the true one
	anyKey   bool            // has access, unless it was revoked
	access   map[string]bool // by key; false when it was revoked
	faults   []Fault         // for all keys
	faultsOf map[string][]Fault
	grantsOf map[string][]Grant
	grants   map[string]Grant // by token
	visits   int
	log      []*Request
	held     chan struct{} // closed unless answers are held back
}

// Option configures a server.
type Option func(*Server)

// New returns a server to which no key has access, unless [WithKeys] or [AcceptAnyKey]
// gives it.
func New(options ...Option) *Server {
	s := &Server{
		clock: clock.RealClock{}, tokens: randomToken, maxLife: maxLife, observe: func(Request) {}, routes: http.NewServeMux(),
		access: map[string]bool{}, faultsOf: map[string][]Fault{}, grantsOf: map[string][]Grant{}, grants: map[string]Grant{}, held: make(chan struct{}),
	}
	close(s.held)
	s.routes.HandleFunc(Path, s.serveBillingUI)
	s.routes.HandleFunc("GET "+PagePath, s.servePage)
	for _, option := range options {
		option(s)
	}
	return s
}

// WithKeys gives keys access.
func WithKeys(keys ...string) Option {
	return func(s *Server) { s.AddKeys(keys...) }
}

// AcceptAnyKey gives all keys access, except revoked ones.
func AcceptAnyKey() Option {
	return func(s *Server) { s.anyKey = true }
}

// WithClock replaces the machine's clock. [Latency] and [Server.Hold] still wait in real
// time.
func WithClock(clock clock.PassiveClock) Option {
	return func(s *Server) { s.clock = clock }
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

// WithFaults is [Server.Misbehave] from the start.
func WithFaults(faults ...Fault) Option {
	return func(s *Server) { s.Misbehave(faults...) }
}

// OnAnswer calls observe with each entry of the log, before the answer is sent. observe
// must be safe for concurrent use.
func OnAnswer(observe func(Request)) Option {
	return func(s *Server) { s.observe = observe }
}

// AddKeys gives keys access.
func (s *Server) AddKeys(keys ...string) { s.setAccess(true, keys) }

// RevokeKeys takes access away from keys, even when the server accepts any key. URLs that
// were granted to them work until they expire.
func (s *Server) RevokeKeys(keys ...string) { s.setAccess(false, keys) }

func (s *Server) setAccess(access bool, keys []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		s.access[key] = access
	}
}

func (s *Server) hasAccess(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	access, listed := s.access[key]
	return access || s.anyKey && !listed
}

// SetClockOffset sets the server's clock ahead of the true time, or behind it when the
// offset is negative. Date, expire and the expiry of pages follow that clock.
func (s *Server) SetClockOffset(offset time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset = offset
}

// now is the time as the server believes it to be.
func (s *Server) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.Now().Add(s.offset)
}

// Misbehave replaces the faults of all keys. Without arguments it removes them.
func (s *Server) Misbehave(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = slices.Clone(faults)
}

// MisbehaveFor replaces the faults of one key, which come on top of those of all keys.
func (s *Server) MisbehaveFor(key string, faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faultsOf[key] = slices.Clone(faults)
}

// Heal removes all faults. It leaves keys, counts and the clock as they are.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
	clear(s.faultsOf)
}

// faultsFor returns the faults of a key: first its own, then those of all keys.
func (s *Server) faultsFor(key string) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Concat(s.faultsOf[key], s.faults)
}

// Hold holds back the answers to requests that arrive from now on, until release is called.
// Requests are still decided as they arrive, and counted, so that a test can stop a client
// between its request and the answer. A fault that is set later is not theirs.
func (s *Server) Hold() (release func()) {
	held := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = held
	return sync.OnceFunc(func() { close(held) })
}

// randomToken makes a URL that cannot be guessed, about as long as the one in the
// document's sample.
func randomToken() string {
	token := make([]byte, 102)
	_, _ = rand.Read(token) // never fails
	return base64.RawURLEncoding.EncodeToString(token)
}
