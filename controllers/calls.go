package controllers

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/controllers/apikey"
)

const (
	// maxRead bounds a live read. A read that hangs would otherwise hold its worker for the
	// whole pass.
	maxRead = 10 * time.Second
	// maxCallWait is how long a call waits while too many are under way and none of its group
	// ends. As long as some end, the API server is only slow: looking at the session again
	// later would cost another pass and change nothing.
	maxCallWait = time.Second
	// maxCallWaits bounds such waits of a call. Where most calls hang and few end, the waiting
	// ones would otherwise hold the workers that are left to others.
	maxCallWaits = 3
	// minHang is how long a call that hung takes at least before it fails.
	minHang = time.Second
	// hangsFor is how long a group counts as hanging after a call that hung. A session whose
	// write failed tries again within a minute, and may hang for another one.
	hangsFor = maxWriteRetry + maxPass
)

// errBusy: so many calls are under way that no more are begun.
var errBusy = errors.New("too many calls are under way")

// isBusy reports whether a call was not begun because others are still under way.
func isBusy(err error) bool { return errors.Is(err, errBusy) || errors.Is(err, apikey.ErrBusy) }

// calls limits how many calls to the API server are under way at once. When some hang, because
// a webhook or a part of the API server does, they would otherwise hold all workers, and no
// session would be served. One webhook often reviews the objects of many namespaces.
//
// One call of each group is begun whatever the others do. All further ones share three quarters
// of the workers, and so do all calls of the groups that hang.
type calls struct {
	clock clock.PassiveClock
	// shared has an element for each call under way that is not its group's own.
	shared chan struct{}

	mu     sync.Mutex
	groups map[groupName]*callGroup
	swept  time.Time
}

// groupName is what calls have in common that hang together. Where a webhook for Secrets
// hangs, statuses can still be written.
type groupName struct {
	namespace string
	kind      callKind
}

type callKind int

const (
	readCall callKind = iota
	secretWrite
	statusWrite
)

// callGroup is the calls of a kind in a namespace.
type callGroup struct {
	// own has an element while a call is under way that is not one of the shared ones.
	own chan struct{}
	// ended counts the calls that have ended.
	ended atomic.Int64
	// users counts the calls that are under way or wait to begin.
	users int
	// hungAt is when a call hung, waited in vain or was not begun for that; zero when one has
	// ended well since.
	hungAt time.Time
}

// newCalls leaves a quarter of the workers to the groups that do not hang.
func newCalls(workers int, clock clock.PassiveClock) *calls {
	return &calls{
		clock: clock, shared: make(chan struct{}, max(workers-max(workers/4, 1), 1)), groups: map[groupName]*callGroup{},
	}
}

// do makes a call, or returns errBusy if too many stay under way.
func (c *calls) do(ctx context.Context, name groupName, call func() error) error {
	g, hangs := c.enter(name)
	defer c.leave(name, g)
	end, ok := c.begin(ctx, g, hangs)
	if !ok {
		return errBusy
	}
	begun, hung := c.clock.Now(), false
	defer func() { // also after a panic
		g.ended.Add(1)
		end()
		c.note(g, hung)
	}()
	err := call()
	hung = err != nil && c.clock.Since(begun) >= minHang
	return err
}

func (c *calls) enter(name groupName) (g *callGroup, hangs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	g, ok := c.groups[name]
	if !ok {
		g = &callGroup{own: make(chan struct{}, 1)}
		c.groups[name] = g
	}
	g.users++
	return g, c.hangs(g)
}

func (c *calls) leave(name groupName, g *callGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.users--; g.users == 0 && !c.hangs(g) {
		delete(c.groups, name)
	}
}

// note notes whether a call of the group hung.
func (c *calls) note(g *callGroup, hung bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g.hungAt = time.Time{}
	if hung {
		g.hungAt = c.clock.Now()
	}
}

// hangs reports whether the group counts as hanging. The caller holds the lock.
func (c *calls) hangs(g *callGroup) bool {
	return !g.hungAt.IsZero() && c.clock.Since(g.hungAt).Abs() < hangsFor
}

// sweep forgets the groups that hung once and were not used since: their namespaces may be
// gone. The caller holds the lock.
func (c *calls) sweep() {
	if c.clock.Since(c.swept).Abs() < hangsFor {
		return
	}
	c.swept = c.clock.Now()
	maps.DeleteFunc(c.groups, func(_ groupName, g *callGroup) bool { return g.users == 0 && !c.hangs(g) })
}

// begin reports whether a call may be made. Then end must be called after it. In a group that
// hangs nobody waits for that, as each would hold a worker meanwhile.
func (c *calls) begin(ctx context.Context, g *callGroup, hangs bool) (end func(), ok bool) {
	own := g.own
	if hangs {
		own = nil
	}
	if end, ok = enterNow(own, c.shared); ok {
		return end, true
	}
	for wait := 0; !hangs && wait < maxCallWaits; wait++ {
		ended := g.ended.Load()
		if end, ok = enterWithin(ctx, maxCallWait, g.own, c.shared); ok || ctx.Err() != nil {
			return end, ok
		}
		if g.ended.Load() == ended {
			break
		}
	}
	c.note(g, true)
	return nil, false
}

// enterNow takes a place in one of the two if there is one.
func enterNow(own, shared chan struct{}) (leave func(), ok bool) {
	select {
	case own <- struct{}{}: // never if it is nil
		return func() { <-own }, true
	default:
	}
	select {
	case shared <- struct{}{}:
		return func() { <-shared }, true
	default:
		return nil, false
	}
}

// enterWithin waits for a place in one of the two.
func enterWithin(ctx context.Context, longest time.Duration, own, shared chan struct{}) (leave func(), ok bool) {
	wait, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	select {
	case own <- struct{}{}:
		return func() { <-own }, true
	case shared <- struct{}{}:
		return func() { <-shared }, true
	case <-wait.Done():
		return nil, false
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
	return b.calls.do(ctx, groupName{namespace, readCall}, func() error {
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
	return b.calls.do(ctx, groupName{object.GetNamespace(), secretWrite}, func() error { return b.Client.Create(ctx, object, options...) })
}

// Update implements client.Client.
func (b boundedClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return b.calls.do(ctx, groupName{object.GetNamespace(), secretWrite}, func() error { return b.Client.Update(ctx, object, options...) })
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
	return b.calls.do(ctx, groupName{object.GetNamespace(), statusWrite}, func() error { return b.SubResourceWriter.Patch(ctx, object, patch, options...) })
}
