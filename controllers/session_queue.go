package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/buffer"
)

// maxWaiting is when a session that waits looks again if nobody has woken it.
const maxWaiting = time.Minute

// sessionQueue is sessions that wait until something can be begun, such as a call, each once and
// in the order of coming. It is empty when zero. There may be thousands of sessions: if each
// looked again and again, they would keep the workers busy.
type sessionQueue struct {
	inOrder buffer.TypedRingGrowing[types.NamespacedName]
	// waits tells of each session in inOrder whether it still waits.
	waits map[types.NamespacedName]bool
	count int
}

// len is how many sessions wait.
func (q *sessionQueue) len() int { return q.count }

func (q *sessionQueue) add(session types.NamespacedName) {
	waits, isKnown := q.waits[session]
	if waits {
		return
	}
	if !isKnown {
		q.inOrder.WriteOne(session)
	}
	if q.waits == nil {
		q.waits = map[types.NamespacedName]bool{}
	}
	q.waits[session] = true
	q.count++
}

// remove takes out a session. If it comes back, it has its old turn.
func (q *sessionQueue) remove(session types.NamespacedName) {
	if q.waits[session] {
		q.waits[session] = false
		q.count--
	}
}

// next takes out who came first.
func (q *sessionQueue) next() (session types.NamespacedName, ok bool) {
	for {
		if session, ok = q.inOrder.ReadOne(); !ok {
			return session, false
		}
		waits := q.waits[session]
		delete(q.waits, session)
		if waits {
			q.count--
			return session, true
		}
	}
}
