package controllers

import (
	"context"
	"errors"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/controllers/apikey"
)

const (
	// maxRead bounds a live read. A read that hangs would otherwise hold its worker for the
	// whole pass.
	maxRead = 10 * time.Second
	// maxCallWait is how long a call waits while too many of its namespace are under way.
	maxCallWait = 250 * time.Millisecond
	// busyRetry is when to look again at a session whose call was not begun.
	busyRetry = time.Second
)

// errBusy: so many calls of the namespace are under way that no more are begun.
var errBusy = errors.New("too many calls of the namespace are under way")

// isBusy reports whether a call was not begun because others are still under way.
func isBusy(err error) bool { return errors.Is(err, errBusy) || errors.Is(err, apikey.ErrBusy) }

// calls limits how many calls to the API server each namespace has under way. When they hang,
// because a webhook or a part of the API server does, they would otherwise hold all workers,
// and no other namespace would be served.
//
// A call begins if it leaves as many workers free as its namespace then has calls under way. A
// namespace that hangs so holds half of the workers, two hold a third each, and n of them leave
// one of n+1 workers to the others. Network switches share their memory among ports by the same
// rule, called dynamic thresholds.
type calls struct {
	workers int

	mu         sync.Mutex
	underWay   int
	namespaces map[string]*namespaceCalls
	// ended is closed when the next call ends; nil while nobody waits for that.
	ended chan struct{}
}

// namespaceCalls are the calls of a namespace that has any under way.
type namespaceCalls struct {
	underWay int
	// hangs reports whether a call waited in vain since one ended well. The next ones then
	// do not wait: each would hold a worker meanwhile.
	hangs bool
}

func newCalls(workers int) *calls {
	return &calls{workers: workers, namespaces: map[string]*namespaceCalls{}}
}

// do makes a call, or returns errBusy if too many of the namespace stay under way.
func (c *calls) do(ctx context.Context, namespace string, call func() error) error {
	if !c.begin(ctx, namespace) {
		return errBusy
	}
	hangs := true
	defer func() { c.end(namespace, hangs) }() // also after a panic
	err := call()
	hangs = errors.Is(err, context.DeadlineExceeded)
	return err
}

// begin reports whether a call may be made. It waits until others end, but not for long.
func (c *calls) begin(ctx context.Context, namespace string) bool {
	wait, cancel := context.WithTimeout(ctx, maxCallWait)
	defer cancel()
	for {
		begun, ended := c.tryBegin(namespace)
		if begun || ended == nil {
			return begun
		}
		select {
		case <-ended:
		case <-wait.Done():
			c.waitedInVain(namespace)
			return false
		}
	}
}

// tryBegin reports whether a call may be made now. If it may wait, ended is closed when the
// next call ends.
func (c *calls) tryBegin(namespace string) (begun bool, ended <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespaces[namespace]
	switch {
	case n == nil: // whatever the others do
		n = &namespaceCalls{}
		c.namespaces[namespace] = n
	case n.underWay+1 <= c.workers-(c.underWay+1):
	case n.hangs:
		return false, nil
	default:
		if c.ended == nil {
			c.ended = make(chan struct{})
		}
		return false, c.ended
	}
	n.underWay++
	c.underWay++
	return true, nil
}

func (c *calls) waitedInVain(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := c.namespaces[namespace]; n != nil {
		n.hangs = true
	}
}

func (c *calls) end(namespace string, hangs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.namespaces[namespace]
	n.hangs = hangs
	c.underWay--
	if n.underWay--; n.underWay == 0 {
		delete(c.namespaces, namespace)
	}
	if c.ended != nil {
		close(c.ended)
		c.ended = nil
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
