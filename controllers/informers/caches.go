// Package informers fills caches where client-go's informers alone would wait for ever: from a
// namespace that may not be read, and from a cluster whose etcd was restored from a backup. It
// knows nothing of sessions.
package informers

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// NewCache is a cache of which each namespace is filled by itself: one that may not be read
// keeps nobody waiting for the others. It is a cache.NewCacheFunc.
func (n *Namespaces) NewCache(config *rest.Config, options cache.Options) (cache.Cache, error) {
	if options.HTTPClient == nil {
		client, err := rest.HTTPClientFor(config)
		if err != nil {
			return nil, fmt.Errorf("set up a client for the cache: %w", err)
		}
		options.HTTPClient = client
	}
	client := *options.HTTPClient
	client.Transport = namespaceRecorder{client.Transport}
	options.HTTPClient = &client
	options.NewInformer = n.newInformer
	return cache.New(config, options)
}

func (n *Namespaces) newInformer(from toolscache.ListerWatcher, example runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
	i := &informer{}
	lw := &listerWatcher{from: toolscache.ToListerWatcherWithContext(from), namespaces: n, informer: i}
	i.SharedIndexInformer = toolscache.NewSharedIndexInformer(&toolscache.ListWatch{
		ListWithContextFunc: lw.list, WatchFuncWithContext: lw.watch,
	}, example, resync, indexers)
	return i
}

// recordedNamespace is the context's key for where a namespaceRecorder writes.
type recordedNamespace struct{}

// recordNamespace returns a context for a request, and where the namespace of that request
// is found after it.
func recordNamespace(ctx context.Context) (context.Context, *string) {
	namespace := new(string)
	return context.WithValue(ctx, recordedNamespace{}, namespace), namespace
}

// namespaceRecorder tells which namespace a request is about. controller-runtime does not
// tell it those who make informers.
type namespaceRecorder struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (r namespaceRecorder) RoundTrip(request *http.Request) (*http.Response, error) {
	if into, ok := request.Context().Value(recordedNamespace{}).(*string); ok {
		_, after, _ := strings.Cut(request.URL.Path, "/namespaces/")
		*into, _, _ = strings.Cut(after, "/")
	}
	return r.RoundTripper.RoundTrip(request)
}
