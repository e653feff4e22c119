package controllers

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/utils/clock"
)

const (
	// minHang is how long a pass takes at least whose calls to the API server hang. Others take
	// milliseconds.
	minHang = time.Second
	// hungFor is how long a namespace counts as one that hangs after a pass that did. A session
	// whose write failed tries again within a minute, and that may take another one.
	hungFor = maxWriteRetry + maxPass
)

// bulkhead keeps a namespace whose passes hang, as behind a slow webhook, from holding up the
// others. It is asked before a pass begins, when nothing is held yet that would have to be given
// back.
//
// A pass begins while its namespace has fewer places than are free (the dynamic threshold of
// Choudhury and Hahne). So one namespace alone has half of them, and n that hang leave one of n+1
// to the others. As hundreds may hang, those that did lately also leave a share to those that did
// not. A session that may not begin is parked, and called when there is a place for it.
type bulkhead struct {
	wake  func(types.NamespacedName)
	clock clock.PassiveClock
	// spare is how many places are left to namespaces that do not hang.
	spare int
	// hung holds the namespaces that hang.
	hung *cache.Expiring

	mu sync.Mutex
	// free counts the places that nobody has.
	free         int
	compartments map[string]*compartment
	// parked are the sessions that wait for a place, in the queues of their compartments.
	parked map[types.NamespacedName]*list.Element
	// line holds the compartments with parked sessions. One that was called goes to its end.
	line []*compartment
	// called are the sessions that were woken, and that have a place before their passes begin.
	called map[types.NamespacedName]bool
}

// compartment is a namespace in which there are passes or parked sessions.
type compartment struct {
	namespace string
	// held counts its places.
	held int
	// parked is the queue of sessions that wait for one.
	parked list.List
}

func newBulkhead(places int, clock clock.Clock, wake func(types.NamespacedName)) *bulkhead {
	return &bulkhead{
		wake: wake, clock: clock, spare: places / 4, hung: cache.NewExpiringWithClock(clock), free: places,
		compartments: map[string]*compartment{}, parked: map[types.NamespacedName]*list.Element{},
		called: map[types.NamespacedName]bool{},
	}
}

// permit lets one pass be under way.
type permit struct {
	bulkhead *bulkhead
	session  types.NamespacedName
	hasPlace bool
	begun    time.Time
	// asked is how long the pass has waited for the endpoint.
	asked time.Duration
}

// enter lets a pass begin, or parks its session and returns nil. A session whose turn to ask has
// come enters without a place if there is none, but only to ask: its turn would pass unused, and
// the dispatcher bounds how many have one.
func (b *bulkhead) enter(session types.NamespacedName, hasTurn bool) *permit {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.compartment(session.Namespace)
	p := &permit{bulkhead: b, session: session, begun: b.clock.Now()}
	switch {
	case b.called[session]:
		delete(b.called, session)
		p.hasPlace = true
	case b.hasRoom(c), hasTurn:
		b.unpark(c, session)
		b.giveRoom(c, p)
	default:
		if b.parked[session] == nil {
			b.park(c, session, c.parked.PushBack)
		}
		return nil
	}
	return p
}

// spent says that a request took so long: a slow endpoint is no fault of the namespace.
func (p *permit) spent(took time.Duration) { p.asked += took }

// takePlace reports whether the pass has a place. It needs one for all but the request, as every
// other call may hang. If there is none, the session is parked before all others of its namespace,
// as it may hold a URL to be stored.
func (p *permit) takePlace() bool {
	b := p.bulkhead
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.compartment(p.session.Namespace)
	b.giveRoom(c, p)
	if !p.hasPlace {
		b.park(c, p.session, c.parked.PushFront)
	}
	return p.hasPlace
}

// leave ends the pass, and calls the sessions for which there is a place now.
func (p *permit) leave() {
	b := p.bulkhead
	for _, session := range b.release(p) {
		b.wake(session)
	}
}

func (b *bulkhead) release(p *permit) (called []types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.compartment(p.session.Namespace)
	if b.clock.Since(p.begun)-p.asked >= minHang {
		b.hung.Set(c.namespace, true, hungFor)
	}
	if p.hasPlace {
		c.held--
		b.free++
	}
	called = b.callParked()
	if c.held == 0 && c.parked.Len() == 0 {
		delete(b.compartments, c.namespace)
	}
	return called
}

// callParked gives free places to parked sessions, round the namespaces.
func (b *bulkhead) callParked() (called []types.NamespacedName) {
	for {
		i := slices.IndexFunc(b.line, b.hasRoom)
		if i < 0 {
			return called
		}
		c := b.line[i]
		session := c.parked.Front().Value.(types.NamespacedName) //nolint:forcetypeassert // it holds nothing else
		b.unpark(c, session)
		if c.parked.Len() > 0 {
			b.line = append(slices.Delete(b.line, i, i+1), c)
		}
		b.called[session] = true
		c.held++
		b.free--
		called = append(called, session)
	}
}

// hasRoom reports whether another pass of the namespace may begin.
func (b *bulkhead) hasRoom(c *compartment) bool {
	if c.held >= b.free {
		return false
	}
	_, hangs := b.hung.Get(c.namespace)
	return !hangs || c.held < b.free-b.spare
}

// giveRoom gives the pass a place if it has none and there is room.
func (b *bulkhead) giveRoom(c *compartment, p *permit) {
	if !p.hasPlace && b.hasRoom(c) {
		p.hasPlace = true
		c.held++
		b.free--
	}
}

func (b *bulkhead) park(c *compartment, session types.NamespacedName, push func(any) *list.Element) {
	if c.parked.Len() == 0 {
		b.line = append(b.line, c)
	}
	b.parked[session] = push(session)
}

func (b *bulkhead) unpark(c *compartment, session types.NamespacedName) {
	position, ok := b.parked[session]
	if !ok {
		return
	}
	delete(b.parked, session)
	if c.parked.Remove(position); c.parked.Len() == 0 {
		b.line = slices.DeleteFunc(b.line, func(other *compartment) bool { return other == c })
	}
}

// compartment is that of the namespace.
func (b *bulkhead) compartment(namespace string) *compartment {
	c, ok := b.compartments[namespace]
	if !ok {
		c = &compartment{namespace: namespace}
		b.compartments[namespace] = c
	}
	return c
}
