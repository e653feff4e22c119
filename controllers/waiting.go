package controllers

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/buffer"
)

// maxWaiting is when a session that waits looks again if nobody has woken it.
const maxWaiting = time.Minute

// waiting are the sessions that wait until something can be begun, such as a call. Who came
// first is woken first. There may be thousands of them: if each looked again and again, they
// would keep the workers busy.
//
// Every pass ends with waking the next one if there is room. That includes the pass of the one
// that was woken, which may not need the room any more, and of the one that has just begun to
// wait. So nobody waits while there is room.
type waiting struct {
	wake func(types.NamespacedName)

	mu    sync.Mutex
	queue *buffer.TypedRingGrowing[types.NamespacedName]
	// queued is who is in the queue, each once.
	queued sets.Set[types.NamespacedName]
}

func newWaiting(wake func(types.NamespacedName)) *waiting {
	return &waiting{
		wake:   wake,
		queue:  buffer.NewTypedRingGrowing[types.NamespacedName](buffer.RingGrowingOptions{}),
		queued: sets.New[types.NamespacedName](),
	}
}

func (w *waiting) add(session types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.queued.Has(session) {
		w.queue.WriteOne(session)
		w.queued.Insert(session)
	}
}

// wakeNext wakes who came first, if there is anybody.
func (w *waiting) wakeNext() {
	w.mu.Lock()
	session, ok := w.queue.ReadOne()
	w.queued.Delete(session)
	w.mu.Unlock()
	if ok {
		w.wake(session)
	}
}
