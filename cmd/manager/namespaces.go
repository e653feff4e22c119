package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// namespaces are those of --watch-namespaces. A cache waits until it can read all that it is to
// hold, so that one namespace that may not be read would keep all others waiting.
type namespaces struct {
	// open can be read. One that is empty stands for all.
	open []string
	// closed could not be read at the start, and are left out.
	closed []string
}

// findNamespaces finds out which of the named namespaces can be read, and tells in the log and by
// the gauge which cannot.
func findNamespaces(ctx context.Context, cluster metadata.Interface, names []string, watched *prometheus.GaugeVec, log logr.Logger) (namespaces, error) {
	if len(names) == 0 {
		return namespaces{open: []string{metav1.NamespaceAll}}, nil
	}
	errs := make([]error, len(names))
	var reads sync.WaitGroup
	for i, name := range names {
		reads.Go(func() { errs[i] = read(ctx, cluster, name) })
	}
	reads.Wait()
	var n namespaces
	for i, name := range names {
		isClosed := apierrors.IsForbidden(errs[i]) // an API server that does not answer refuses nothing
		if isClosed {
			n.closed = append(n.closed, name)
			watched.WithLabelValues(name).Set(0)
			log.Error(errs[i], "The namespace cannot be watched, so it is left out until it can be", "namespace", name)
		} else {
			n.open = append(n.open, name)
			watched.WithLabelValues(name).Set(1)
		}
	}
	if len(n.open) == 0 {
		return n, fmt.Errorf("--watch-namespaces: none of them can be watched: %w", errors.Join(errs...))
	}
	return n, nil
}

// read returns an error if not all can be read that is served in the namespace.
func read(ctx context.Context, cluster metadata.Interface, namespace string) error {
	for _, resource := range []schema.GroupVersionResource{sessionsResource, corev1.SchemeGroupVersion.WithResource("secrets")} {
		if _, err := cluster.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: 1}); err != nil {
			return fmt.Errorf("read %s: %w", resource.Resource, err)
		}
	}
	return nil
}

// openedError ends a process that is to begin anew with a namespace that was left out.
type openedError struct{ namespace string }

func (e openedError) Error() string {
	return fmt.Sprintf("namespace %q of --watch-namespaces can be watched now; the process ends to begin anew with it", e.namespace)
}

// opened returns an error if a namespace that was left out can be read now.
func (n namespaces) opened(ctx context.Context, cluster metadata.Interface) error {
	for _, name := range n.closed {
		if read(ctx, cluster, name) == nil {
			return openedError{name}
		}
	}
	return nil
}

// configs are the namespaces for a cache; nil for all.
func (n namespaces) configs() map[string]cache.Config {
	if n.open[0] == metav1.NamespaceAll {
		return nil
	}
	configs := map[string]cache.Config{}
	for _, name := range n.open {
		configs[name] = cache.Config{}
	}
	return configs
}
