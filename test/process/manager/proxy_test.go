package manager

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/xtracta/billing-operator/test/env"
)

// proxy stands between a manager and the API server.
type proxy struct {
	server  *httptest.Server
	forward *httputil.ReverseProxy
	// kubeconfig is a file that leads a manager through the proxy.
	kubeconfig string

	mu sync.Mutex
	// hangs tells which requests get no answer until released is closed.
	hangs    func(*http.Request) bool
	released chan struct{}
	hung     int
}

// newProxy forwards requests in the name of the user of the configuration.
func newProxy(t *testing.T, user *rest.Config) *proxy {
	t.Helper()
	p := &proxy{forward: env.Forward(t, user)}
	p.server, p.kubeconfig = env.Proxied(t, p)
	t.Cleanup(p.release) // the server would wait forever for requests whose bodies nobody has read
	return p
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if released := p.hang(r); released != nil {
		select {
		case <-released:
		case <-r.Context().Done(): // the manager waits no longer
			return
		}
	}
	p.forward.ServeHTTP(w, r)
}

// hang returns what a request has to wait for, nil if it need not.
func (p *proxy) hang(r *http.Request) (released <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hangs == nil || !p.hangs(r) {
		return nil
	}
	p.hung++
	return p.released
}

// hangOn lets requests hang from now on.
func (p *proxy) hangOn(these func(*http.Request) bool) (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hangs, p.released = these, make(chan struct{})
	return p.release
}

func (p *proxy) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hangs != nil {
		p.hangs = nil
		close(p.released)
	}
}

// hungRequests is how many requests have hung so far.
func (p *proxy) hungRequests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hung
}

// breakConnections ends every request that is under way, watches too.
func (p *proxy) breakConnections() { p.server.CloseClientConnections() }
