package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/xtracta/billing-operator/controllers/renewal"
)

const (
	// minPutOff is how long a session is put off at least.
	minPutOff = time.Second
	// looksPerSecond is how many of the sessions that are put off look again in a second, so
	// that looking costs next to nothing. An API server takes more writes than that.
	looksPerSecond = 50
)

// putOff are the sessions that look again later, as what they have to do can wait or cannot be
// begun. There may be thousands.
type putOff struct {
	mu       sync.Mutex
	sessions sets.Set[types.NamespacedName]
}

func newPutOff() *putOff { return &putOff{sessions: sets.New[types.NamespacedName]()} }

// add puts a session off, and returns until when. Those that are put off together come back
// one after the other.
func (p *putOff) add(session types.NamespacedName, now time.Time) (until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions.Insert(session)
	spread := renewal.Spread(session.String(), now, time.Duration(p.sessions.Len())*time.Second/looksPerSecond)
	return now.Add(minPutOff + spread)
}

// settle notes that a session looks.
func (p *putOff) settle(session types.NamespacedName) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sessions.Delete(session)
}

// count is how many are put off.
func (p *putOff) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions.Len()
}
