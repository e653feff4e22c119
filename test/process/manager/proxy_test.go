package manager

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// proxy stands between a manager and the API server.
type proxy struct {
	server  *httptest.Server
	forward *httputil.ReverseProxy

	mu sync.Mutex
	// hangs tells which requests get no answer until released is closed.
	hangs    func(*http.Request) bool
	released chan struct{}
	hung     int
}

// newProxy forwards requests in the name of the user of the configuration.
func newProxy(t *testing.T, user *rest.Config) *proxy {
	t.Helper()
	target, err := url.Parse(user.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(user)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{forward: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
		ErrorLog:      log.New(io.Discard, "", 0),
	}}
	p.server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.breakConnections()
		p.server.Close()
	})
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
	released := make(chan struct{})
	p.hangs, p.released = these, released
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hangs = nil
		close(released)
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

// kubeconfig is a file that leads a manager through the proxy.
func (p *proxy) kubeconfig(t *testing.T) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["proxy"] = &clientcmdapi.Cluster{Server: p.server.URL}
	config.Contexts["proxy"] = &clientcmdapi.Context{Cluster: "proxy"}
	config.CurrentContext = "proxy"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}
