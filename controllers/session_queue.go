package controllers

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/buffer"
)

// maxWaiting is when a session that waits looks again if nobody has woken it.
const maxWaiting = time.Minute

// sessionQueue is sessions that wait until something can be begun, such as a call, each once and
// in the order of coming. It is empty when zero. There may be thousands of sessions: if each
// looked again and again, they would keep the workers busy.
type sessionQueue struct {
	inOrder buffer.TypedRingGrowing[types.NamespacedName]
	queued  sets.Set[types.NamespacedName]
}

func (q *sessionQueue) len() int { return len(q.queued) }

func (q *sessionQueue) add(session types.NamespacedName) {
	if q.queued.Has(session) {
		return
	}
	if q.queued == nil {
		q.queued = sets.New[types.NamespacedName]()
	}
	q.inOrder.WriteOne(session)
	q.queued.Insert(session)
}

// next takes out who came first.
func (q *sessionQueue) next() (session types.NamespacedName, ok bool) {
	session, ok = q.inOrder.ReadOne()
	q.queued.Delete(session)
	return session, ok
}
