package controllers

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/controllers/apikey"
)

const (
	// maxRead bounds a live read. A read that hangs would otherwise hold its worker for the
	// whole pass.
	maxRead = 10 * time.Second
	// maxCallWait is how long a call waits while too many of its namespace are under way and
	// none of them ends. As long as some end, the API server is only slow: looking at the
	// session again later would cost another pass and change nothing.
	maxCallWait = time.Second
	// maxCallWaits bounds such waits of a call. Where most calls hang and few end, the waiting
	// ones would otherwise hold the workers that are left to other namespaces.
	maxCallWaits = 3
	// busyRetry is when to look again at a session whose call was not begun.
	busyRetry = time.Second
)

// errBusy: so many calls of the namespace are under way that no more are begun.
var errBusy = errors.New("too many calls of the namespace are under way")

// isBusy reports whether a call was not begun because others are still under way.
func isBusy(err error) bool { return errors.Is(err, errBusy) || errors.Is(err, apikey.ErrBusy) }

// calls limits how many calls of one namespace to the API server are under way at once. When
// they hang, because a webhook or a part of the API server does, they would otherwise hold
// all workers, and no other namespace would be served.
type calls struct {
	limit int

	mu         sync.Mutex
	namespaces map[string]*namespaceCalls
}

// namespaceCalls are the calls of a namespace.
type namespaceCalls struct {
	// underWay has an element for each call that is under way.
	underWay chan struct{}
	// ended counts the calls that have ended.
	ended atomic.Int64
	// users counts the calls that are under way or wait to begin.
	users int
	// hangs reports whether a call waited in vain since one ended well. The next ones then
	// do not wait: each would hold a worker meanwhile.
	hangs bool
}

// newCalls leaves a quarter of the workers to other namespaces.
func newCalls(workers int) *calls {
	return &calls{limit: max(workers-max(workers/4, 1), 1), namespaces: map[string]*namespaceCalls{}}
}

// do makes a call, or returns errBusy if too many of the namespace stay under way.
func (c *calls) do(ctx context.Context, namespace string, call func() error) error {
	n, mayWait := c.enter(namespace)
	if !n.begin(ctx, mayWait) {
		c.leave(namespace, n, true)
		return errBusy
	}
	hangs := true
	defer func() { // also after a panic
		n.ended.Add(1)
		<-n.underWay
		c.leave(namespace, n, hangs)
	}()
	err := call()
	hangs = errors.Is(err, context.DeadlineExceeded)
	return err
}

func (c *calls) enter(namespace string) (n *namespaceCalls, mayWait bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.namespaces[namespace]
	if !ok {
		n = &namespaceCalls{underWay: make(chan struct{}, c.limit)}
		c.namespaces[namespace] = n
	}
	n.users++
	return n, !n.hangs
}

func (c *calls) leave(namespace string, n *namespaceCalls, hangs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n.hangs = hangs
	if n.users--; n.users == 0 {
		delete(c.namespaces, namespace)
	}
}

// begin reports whether a call may be made.
func (n *namespaceCalls) begin(ctx context.Context, mayWait bool) bool {
	select {
	case n.underWay <- struct{}{}:
		return true
	default:
	}
	for wait := 0; mayWait && wait < maxCallWaits; wait++ {
		ended := n.ended.Load()
		if n.beginWithin(ctx, maxCallWait) {
			return true
		}
		mayWait = n.ended.Load() > ended && ctx.Err() == nil
	}
	return false
}

// beginWithin waits until a call may be made, and reports whether it may.
func (n *namespaceCalls) beginWithin(ctx context.Context, longest time.Duration) bool {
	wait, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	select {
	case n.underWay <- struct{}{}:
		return true
	case <-wait.Done():
		return false
	}
}

// boundedReader bounds live reads in time and in number.
type boundedReader struct {
	client.Reader
	calls *calls
}

// Get implements client.Reader.
func (b boundedReader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return b.read(ctx, key.Namespace, func(ctx context.Context) error { return b.Reader.Get(ctx, key, object, options...) })
}

// List implements client.Reader.
func (b boundedReader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	in := (&client.ListOptions{}).ApplyOptions(options).Namespace
	return b.read(ctx, in, func(ctx context.Context) error { return b.Reader.List(ctx, list, options...) })
}

func (b boundedReader) read(ctx context.Context, namespace string, read func(context.Context) error) error {
	return b.calls.do(ctx, namespace, func() error {
		ctx, cancel := context.WithTimeout(ctx, maxRead)
		defer cancel()
		return read(ctx)
	})
}

// boundedClient bounds writes in number. Its reads come from caches.
type boundedClient struct {
	client.Client
	calls *calls
}

// Create implements client.Client.
func (b boundedClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	return b.calls.do(ctx, object.GetNamespace(), func() error { return b.Client.Create(ctx, object, options...) })
}

// Update implements client.Client.
func (b boundedClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return b.calls.do(ctx, object.GetNamespace(), func() error { return b.Client.Update(ctx, object, options...) })
}

// Status implements client.Client.
func (b boundedClient) Status() client.SubResourceWriter {
	return boundedStatus{b.Client.Status(), b.calls}
}

type boundedStatus struct {
	client.SubResourceWriter
	calls *calls
}

// Patch implements client.SubResourceWriter.
func (b boundedStatus) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return b.calls.do(ctx, object.GetNamespace(), func() error { return b.SubResourceWriter.Patch(ctx, object, patch, options...) })
}
