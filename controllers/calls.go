package controllers

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/controllers/apikey"
)

const (
	// maxRead bounds a live read. A read that hangs would otherwise hold its worker for the
	// whole pass.
	maxRead = 10 * time.Second
	// minSlow is how long a slow call takes at least. Who waits for as long for others to end
	// knows that they are slow.
	minSlow = time.Second
	// slowFor is how long a group counts as slow after a slow call. A session whose write
	// failed tries again within a minute, and that may take another one.
	slowFor = maxWriteRetry + maxPass
)

// errBusy: so many calls are under way that no more are begun.
var errBusy = errors.New("too many calls are under way")

// isBusy reports whether a call was not begun because others are still under way.
func isBusy(err error) bool { return errors.Is(err, errBusy) || errors.Is(err, apikey.ErrBusy) }

// calls limits how many calls to the API server are under way at once. When some take long,
// because a webhook or a part of the API server hangs, they would otherwise hold all workers,
// and no session would be served. One webhook often reviews the objects of many namespaces.
//
// One call of each group is begun whatever the others do. All further ones share three quarters
// of the workers, and so do all calls of the groups that are slow.
type calls struct {
	// waiting are the sessions whose calls were not begun.
	waiting *waiting
	clock   clock.PassiveClock
	// shared has an element for each call under way that is not its group's own.
	shared chan struct{}

	mu     sync.Mutex
	groups map[groupName]*callGroup
	swept  time.Time
}

// groupName is what calls have in common that are slow together. Where a webhook for Secrets
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
	// users counts the calls that are under way or wait to begin.
	users int
	// slowAt is when a call was slow, or could not begin because others were; zero when one
	// has ended soon since.
	slowAt time.Time
}

// newCalls leaves a quarter of the workers to the groups that are not slow.
func newCalls(workers int, clock clock.PassiveClock, wake func(types.NamespacedName)) *calls {
	return &calls{
		waiting: newWaiting(wake), clock: clock,
		shared: make(chan struct{}, max(workers-max(workers/4, 1), 1)), groups: map[groupName]*callGroup{},
	}
}

// do makes a call, or returns errBusy if too many stay under way.
func (c *calls) do(ctx context.Context, name groupName, call func() error) error {
	g, isSlow := c.enter(name)
	defer c.leave(name, g)
	end, ok := c.begin(ctx, g, isSlow)
	if !ok {
		return errBusy
	}
	begun := c.clock.Now()
	defer func() { // also after a panic
		end()
		c.note(g, c.clock.Since(begun) >= minSlow)
	}()
	return call()
}

func (c *calls) enter(name groupName) (g *callGroup, isSlow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep()
	g, ok := c.groups[name]
	if !ok {
		g = &callGroup{own: make(chan struct{}, 1)}
		c.groups[name] = g
	}
	g.users++
	return g, c.isSlow(g)
}

func (c *calls) leave(name groupName, g *callGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.users--; g.users == 0 && !c.isSlow(g) {
		delete(c.groups, name)
	}
}

// note notes whether the group is slow.
func (c *calls) note(g *callGroup, isSlow bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	g.slowAt = time.Time{}
	if isSlow {
		g.slowAt = c.clock.Now()
	}
}

// isSlow reports whether the group counts as slow. The caller holds the lock.
func (c *calls) isSlow(g *callGroup) bool {
	return !g.slowAt.IsZero() && c.clock.Since(g.slowAt).Abs() < slowFor
}

// sweep forgets the groups that were slow once and were not used since: their namespaces may
// be gone. The caller holds the lock.
func (c *calls) sweep() {
	if c.clock.Since(c.swept).Abs() < slowFor {
		return
	}
	c.swept = c.clock.Now()
	maps.DeleteFunc(c.groups, func(_ groupName, g *callGroup) bool { return g.users == 0 && !c.isSlow(g) })
}

// begin reports whether a call may be made. Then end must be called after it. It waits a
// little, as another pass over the session costs more, but not in a slow group: each that
// waits holds a worker meanwhile.
func (c *calls) begin(ctx context.Context, g *callGroup, isSlow bool) (end func(), ok bool) {
	if isSlow {
		end, ok = enterNow(nil, c.shared)
	} else if end, ok = enterNow(g.own, c.shared); !ok {
		end, ok = enterWithin(ctx, minSlow, g.own, c.shared)
	}
	if !ok && ctx.Err() == nil {
		c.note(g, true)
	}
	return end, ok
}

// wakeNext wakes the next session that waits if a call can be begun.
func (c *calls) wakeNext() {
	if len(c.shared) < cap(c.shared) {
		c.waiting.wakeNext()
	}
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
