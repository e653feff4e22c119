package informers

import (
	"sync"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
)

// Namespaces are those that a process was told to serve. All its caches share them.
type Namespaces struct {
	named   map[string]bool
	watched *prometheus.GaugeVec
	clock   clock.Clock
	log     logr.Logger

	mu sync.RWMutex
	// refused has the informers of each namespace that were ever refused.
	refused map[string][]*informer
}

// NewNamespaces are the namespaces of these names. Without names all namespaces are served,
// and a cache waits until it may read them. The gauge shows, by namespace, which are watched.
func NewNamespaces(names []string, watched *prometheus.GaugeVec, clock clock.Clock, log logr.Logger) *Namespaces {
	n := &Namespaces{
		named: map[string]bool{}, watched: watched, clock: clock, log: log, refused: map[string][]*informer{},
	}
	for _, name := range names {
		n.named[name] = true
		watched.WithLabelValues(name).Set(0)
	}
	return n
}

// Readable reports whether the caches have been filled from the namespace. Until then a
// Secret that may not be read would be taken for one that does not exist.
func (n *Namespaces) Readable(namespace string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, i := range n.refused[namespace] {
		if !i.isFilled() {
			return false
		}
	}
	return true
}

// refuse notes that the API server refuses to let an informer read its namespace.
func (n *Namespaces) refuse(namespace string, by *informer, reason error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if by.isRefused.Load() {
		return
	}
	if !n.refusesAny(namespace) {
		n.log.Error(reason, "The namespace cannot be watched; it is tried again, and the others are served", "namespace", namespace)
	}
	if !by.wasRefused {
		by.wasRefused = true
		n.refused[namespace] = append(n.refused[namespace], by)
	}
	by.isRefused.Store(true)
	n.watched.WithLabelValues(namespace).Set(0)
}

// admit notes that an informer could read its namespace.
func (n *Namespaces) admit(namespace string, by *informer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	again := by.isRefused.Swap(false)
	if n.refusesAny(namespace) {
		return
	}
	if again {
		n.log.Info("The namespace can be watched now", "namespace", namespace)
	}
	n.watched.WithLabelValues(namespace).Set(1)
}

// refusesAny reports whether an informer of the namespace is refused now.
func (n *Namespaces) refusesAny(namespace string) bool {
	for _, i := range n.refused[namespace] {
		if i.isRefused.Load() {
			return true
		}
	}
	return false
}
