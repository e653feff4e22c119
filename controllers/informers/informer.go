package informers

import (
	"sync/atomic"
	"time"

	toolscache "k8s.io/client-go/tools/cache"
)

// informer is one that nobody waits for while it is refused. Its handlers get its objects as
// soon as it may read them.
type informer struct {
	toolscache.SharedIndexInformer
	// isRefused reports whether it may not read its namespace now.
	isRefused atomic.Bool
	// wasRefused reports whether Namespaces knows it. Namespaces' lock guards it.
	wasRefused bool
}

// isFilled reports whether it has read its namespace.
func (i *informer) isFilled() bool { return i.SharedIndexInformer.HasSynced() }

// HasSynced reports whether there is nothing to wait for.
func (i *informer) HasSynced() bool { return i.isRefused.Load() || i.isFilled() }

// AddEventHandler implements toolscache.SharedInformer.
func (i *informer) AddEventHandler(handler toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(handler, toolscache.HandlerOptions{})
}

// AddEventHandlerWithResyncPeriod implements toolscache.SharedInformer.
func (i *informer) AddEventHandlerWithResyncPeriod(handler toolscache.ResourceEventHandler, period time.Duration) (toolscache.ResourceEventHandlerRegistration, error) {
	return i.AddEventHandlerWithOptions(handler, toolscache.HandlerOptions{ResyncPeriod: &period})
}

// AddEventHandlerWithOptions implements toolscache.SharedInformer.
func (i *informer) AddEventHandlerWithOptions(handler toolscache.ResourceEventHandler, options toolscache.HandlerOptions) (toolscache.ResourceEventHandlerRegistration, error) {
	added, err := i.SharedIndexInformer.AddEventHandlerWithOptions(handler, options)
	if err != nil {
		return nil, err
	}
	return &registration{added, i}, nil
}

// RemoveEventHandler implements toolscache.SharedInformer.
func (i *informer) RemoveEventHandler(added toolscache.ResourceEventHandlerRegistration) error {
	if ours, ok := added.(*registration); ok {
		added = ours.ResourceEventHandlerRegistration
	}
	return i.SharedIndexInformer.RemoveEventHandler(added)
}

// registration is of a handler that nobody waits for while its informer is refused.
type registration struct {
	toolscache.ResourceEventHandlerRegistration
	informer *informer
}

// HasSynced reports whether there is nothing to wait for.
func (r *registration) HasSynced() bool {
	return r.informer.isRefused.Load() || r.ResourceEventHandlerRegistration.HasSynced()
}
