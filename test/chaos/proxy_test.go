//go:build long

package chaos

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/xtracta/billing-operator/test/env"
)

// proxy stands between the managers and the API server, and lets some of the
// requests go wrong. Which ones is decided by the seed, and by the how-manieth
// request of its method and path it is.
type proxy struct {
	chronicle *chronicle
	seed      uint64
	server    *httptest.Server
	forward   *httputil.ReverseProxy
	// kubeconfig is a file that leads a manager through the proxy.
	kubeconfig string
	// percent of the writes go wrong.
	percent atomic.Int64

	mu    sync.Mutex
	times map[string]int
}

// usualPercent of the writes go wrong while nothing special is the matter.
const usualPercent = 6

func newProxy(t *testing.T, c *chronicle, seed uint64, apiServer *rest.Config) *proxy {
	t.Helper()
	p := &proxy{chronicle: c, seed: seed, times: map[string]int{}, forward: env.Forward(t, apiServer)}
	p.forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { reset(w) }
	p.server, p.kubeconfig = env.Proxied(t, p)
	return p
}

// ServeHTTP forwards a request, or lets it go wrong.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.faultFor(r)
	if fault == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	if object := objectOf(r); strings.HasPrefix(object, "s") {
		p.chronicle.note(numberOf(object), "API server: %s %s: %s", r.Method, r.URL.Path, fault.name)
	}
	fault.serve(p, w, r)
}

// apiFault is a way in which a request to the API server goes wrong.
type apiFault struct {
	name  string
	serve func(p *proxy, w http.ResponseWriter, r *http.Request)
}

var apiFaults = []apiFault{
	{"409", refuse(http.StatusConflict, metav1.StatusReasonConflict)},
	{"500", refuse(http.StatusInternalServerError, metav1.StatusReasonInternalError)},
	{"403", refuse(http.StatusForbidden, metav1.StatusReasonForbidden)},
	{"504 after a while", func(p *proxy, w http.ResponseWriter, r *http.Request) {
		pause(r.Context(), 2*time.Second)
		refuse(http.StatusGatewayTimeout, metav1.StatusReasonTimeout)(p, w, r)
	}},
	{"connection reset", func(_ *proxy, w http.ResponseWriter, _ *http.Request) { reset(w) }},
	{"answer lost after the write", func(p *proxy, w http.ResponseWriter, r *http.Request) {
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		reset(w)
	}},
}

// faultFor decides what goes wrong with a request. Reads of one object go wrong, too, but less.
func (p *proxy) faultFor(r *http.Request) *apiFault {
	percent := p.percent.Load()
	switch {
	case r.Method == http.MethodGet && strings.HasPrefix(objectOf(r), "key"):
		percent /= 4
	case r.Method == http.MethodGet:
		return nil
	}
	_, path, namespaced := strings.Cut(r.URL.Path, "/namespaces/")
	if !namespaced {
		return nil
	}
	_, path, _ = strings.Cut(path, "/") // the namespace has another name each time
	what := r.Method + " " + path
	p.mu.Lock()
	p.times[what]++
	n := p.times[what]
	p.mu.Unlock()
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(what))
	random := rand.New(rand.NewPCG(p.seed^hash.Sum64(), uint64(n)))
	if random.Int64N(100) >= percent {
		return nil
	}
	return &apiFaults[random.IntN(len(apiFaults))]
}

// objectOf is the name of the object that a request is about; empty for a collection.
func objectOf(r *http.Request) string {
	for _, resource := range []string{"/secrets/", "/billingsessions/"} {
		if _, rest, found := strings.Cut(r.URL.Path, resource); found {
			name, _, _ := strings.Cut(rest, "/")
			return name
		}
	}
	return ""
}

var grantedURL = regexp.MustCompile(`https?://[^"\s]*index\.html\?t=[\w-]*`)

// refuse answers as an admission plugin that is careless with what it is shown: it quotes the URL.
func refuse(code int, reason metav1.StatusReason) func(*proxy, http.ResponseWriter, *http.Request) {
	return func(_ *proxy, w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   metav1.StatusFailure, Code: int32(code), Reason: reason,
			Message: fmt.Sprintf("refused on purpose: Invalid value: %q", grantedURL.Find(body)),
		})
	}
}

// reset ends the connection without an answer, and not politely.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // an answer that nobody gets
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}
