package controllers

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/utils/clock"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// maxCacheLag is how long a cache may lag behind our own write: an API server under load
// lets its watches fall behind for seconds. After that the object is read live, as its
// versions may have gone back: a cluster's etcd can be restored from a backup while we run.
const maxCacheLag = 10 * time.Second

// readYourWrites is what this process wrote last, until a cache shows it. Without it
// decisions would be taken on data that is older than our own last write.
type readYourWrites struct {
	session   written[*v1alpha1.BillingSession]
	generated written[*corev1.Secret]
	// synced is the Secret version that our last write produced. If a webhook changed its
	// labels, do not fight it: this version counts as in sync.
	synced attemptedWrite
}

// restored ends all that is remembered of the two objects, as versions that go back mean that
// etcd was restored from a backup. Both are read live: one cache may still show what was
// before, and the two would contradict each other.
func (r *readYourWrites) restored() {
	r.session.restored()
	r.generated.restored()
	r.synced = attemptedWrite{}
}

func (r *readYourWrites) wroteSecret(session *v1alpha1.BillingSession, s *corev1.Secret) {
	r.synced = writeOf(session, s)
}

func (r *readYourWrites) isSynced(session *v1alpha1.BillingSession, s *corev1.Secret) bool {
	return r.synced == writeOf(session, s)
}

// object is what written needs of an object.
type object[T any] interface {
	comparable
	GetResourceVersion() string
	DeepCopy() T
}

// written is the last version of an object that this process wrote or read live. A worker
// uses it while events of the caches come in.
type written[T object[T]] struct {
	mu   sync.Mutex
	last T
	at   time.Time
	// readLive reports whether a write showed the cache to be behind.
	readLive bool
	// isShown reports whether the cache has shown the last version.
	isShown bool
	// undone is the version that the cache showed when a live read found an older one: it was
	// undone by a restore of etcd.
	undone string
	// shown is the version that the cache showed at the last look, and wentBack reports
	// whether an event showed an older version than the one before since then.
	shown    string
	wentBack bool
	echo     echo[T]
}

// write makes a write. The event that shows it wakes nobody. wake is called if an event
// showed something else meanwhile.
func (w *written[T]) write(object T, clock clock.PassiveClock, wake func(), call func() error) error {
	w.locked(func() { w.echo.begin() })
	version := ""
	defer func() { // also after a panic: all later events would be held back
		var isMissed bool
		w.locked(func() {
			var shown T
			shown, isMissed = w.echo.end(version)
			w.share(shown)
		})
		if isMissed {
			wake()
		}
	}()
	if err := call(); err != nil {
		return err
	}
	w.set(object, clock.Now())
	version = object.GetResourceVersion()
	return nil
}

// shows takes in that an event shows the object in another version than before. It reports
// whether that is nothing but our own last write, or is held back while a write is made.
func (w *written[T]) shows(before string, shown T) (isOwn bool) {
	w.locked(func() {
		w.wentBack = w.wentBack || newer(before, shown.GetResourceVersion())
		if isOwn = w.echo.shows(shown); isOwn {
			w.share(shown)
		}
	})
	return isOwn
}

// share takes the cache's own copy of the last version once there is one. A second copy would
// cost memory until the next look.
func (w *written[T]) share(shown T) {
	var none T
	if w.last != none && shown != none && w.last.GetResourceVersion() == shown.GetResourceVersion() {
		w.last, w.isShown = shown, true
	}
}

// isCaughtUp reports whether the cache has shown the last version. If it shows none when it is
// read afterwards, the object was deleted. Who reads the cache first may miss that the version
// has come meanwhile.
func (w *written[T]) isCaughtUp() (caughtUp bool) {
	w.locked(func() { caughtUp = w.isShown })
	return caughtUp
}

// look takes in the version that the cache shows. It reports whether the versions went back
// since the last look.
func (w *written[T]) look(version string) (wentBack bool) {
	w.locked(func() {
		wentBack = w.wentBack || newer(w.shown, version)
		w.shown, w.wentBack = version, false
	})
	return wentBack
}

func (w *written[T]) restored() {
	w.locked(func() {
		var none T
		w.last, w.at, w.undone, w.readLive = none, time.Time{}, "", true
		w.echo.expected = ""
	})
}

// set remembers of an object what a cache would hold of it.
func (w *written[T]) set(last T, now time.Time) {
	kept := strippedCopy(last)
	w.locked(func() { w.last, w.at, w.readLive, w.isShown = kept, now, false, false })
}

// found sets what a live read found while the cache showed an object.
func (w *written[T]) found(live, cached T, now time.Time) {
	w.set(live, now)
	var none T
	if live != none && cached != none && newer(cached.GetResourceVersion(), live.GetResourceVersion()) {
		w.locked(func() { w.undone = cached.GetResourceVersion() })
	}
}

// latest is the newer of what the cache shows and what this process wrote; zero when neither
// knows of the object, or it was deleted. caughtUp is what isCaughtUp said before the cache was
// read. doubtful reports whether only a live read can tell.
func (w *written[T]) latest(cached T, caughtUp bool, now time.Time) (latest T, doubtful bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var none T
	isUndone := cached != none && cached.GetResourceVersion() == w.undone
	switch {
	case w.last == none:
		return cached, w.readLive || isUndone
	case cached == none && caughtUp:
		w.last = none
		return none, w.readLive
	case cached != none && !isUndone && !newer(w.last.GetResourceVersion(), cached.GetResourceVersion()):
		w.last = none
		return cached, w.readLive
	}
	return w.last.DeepCopy(), w.readLive || now.Sub(w.at).Abs() >= maxCacheLag // the cache may share it
}

// distrustCache makes the next pass read the object live: a write showed that the cache is
// behind.
func (w *written[T]) distrustCache() { w.locked(func() { w.readLive = true }) }

func (w *written[T]) locked(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// echo tells the event that shows nothing but our own last write from all others. The event
// may come before the answer to the write: what comes while a write is made is held back.
type echo[T object[T]] struct {
	// expected is the version of our last write until an event has come since.
	expected  string
	isWriting bool
	// held is what the last event showed that was held back. Earlier ones showed what our
	// write is based on, as the API server takes no other.
	held T
}

func (e *echo[T]) begin() { *e = echo[T]{isWriting: true} }

// shows reports whether the event is our own, or is held back.
func (e *echo[T]) shows(object T) (isOwn bool) {
	if e.isWriting {
		e.held = object
		return true
	}
	// Only one event shows it. After a restore of etcd, another object may get the same version.
	isOwn = e.expected != "" && object.GetResourceVersion() == e.expected
	e.expected = ""
	return isOwn
}

// end ends a write, which produced this version unless it failed. It returns what the event
// of that write showed, if it has come, and reports whether others came that were held back.
func (e *echo[T]) end(version string) (shown T, isMissed bool) {
	var none T
	held := e.held
	*e = echo[T]{}
	switch {
	case held == none:
		e.expected = version
		return none, false
	case held.GetResourceVersion() != version:
		return none, true
	}
	return held, false
}

// newer reports whether resource version a is later than b.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}
