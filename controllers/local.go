package controllers

import (
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/apikey"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// localState is what this process knows of a session beyond what the API server holds.
// Only the worker that reconciles the session uses it.
type localState struct {
	uid types.UID
	// key is the key that the session named at the last look.
	key apikey.Ref
	// isKnown reports whether this process has looked at the session before.
	isKnown  bool
	writes   readYourWrites
	attempts attempts
	pending  pendingWrite
	contest  contest
	// namespaceGone reports whether the namespace is being deleted, which only a restore of
	// etcd can undo.
	namespaceGone bool
	// shown are the versions that the caches showed last.
	shown cachedVersions
}

// cachedVersions are the versions of a session and its generated Secret in the caches.
type cachedVersions struct{ session, generated string }

// showSession notes the version that the cache shows of the session.
func (l *localState) showSession(version string) {
	if newer(l.shown.session, version) {
		l.restored()
	}
	l.shown.session = version
}

// showSecret notes the version that the cache shows of the generated Secret. It reports
// whether the session must be read again.
func (l *localState) showSecret(version string) bool {
	wentBack := newer(l.shown.generated, version)
	if wentBack {
		l.restored()
	}
	l.shown.generated = version
	return wentBack
}

// restored ends all that is remembered of the two objects, as versions that go back mean that
// etcd was restored from a backup. Both are read live: one cache may still show what was
// before, and the two would contradict each other.
func (l *localState) restored() {
	l.writes, l.namespaceGone = readYourWrites{}, false
	l.writes.session.distrustCache()
	l.writes.generated.distrustCache()
}

// look takes over, at the first look of this process at the session, what an earlier process
// left in the status.
func (l *localState) look(session *v1alpha1.BillingSession, now time.Time) {
	if !l.isKnown {
		l.isKnown = true
		l.pending.assume(session, now)
	}
}

// giveUp ends all work on the session, because its namespace is being deleted.
func (l *localState) giveUp() { l.namespaceGone = true }

// localStates holds the local state of each session.
type localStates struct {
	mu     sync.Mutex
	states map[types.NamespacedName]*localState
	// asked is when the last request was made for sessions that went within the last moments.
	// A session that is deleted and created again must not ask more often than one that stays.
	asked map[types.NamespacedName]time.Time
	swept time.Time
	// naming counts the sessions that name each key. A list of the sessions in the cache would
	// not do: a session that goes during its own pass would leave a key behind.
	naming map[apikey.Ref]int
}

func newLocalStates() *localStates {
	return &localStates{
		states: map[types.NamespacedName]*localState{},
		asked:  map[types.NamespacedName]time.Time{},
		naming: map[apikey.Ref]int{},
	}
}

// of is the local state of a session. A new session of the same name has a new one.
func (l *localStates) of(session *v1alpha1.BillingSession, now time.Time) *localState {
	name := types.NamespacedName{Namespace: session.Namespace, Name: session.Name}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	before, ok := l.states[name]
	if ok && before.uid == session.UID {
		return before
	}
	local := &localState{uid: session.UID, attempts: attempts{asked: l.asked[name]}}
	if ok {
		local.key, local.attempts.asked = before.key, before.attempts.asked
	}
	delete(l.asked, name)
	l.states[name] = local
	return local
}

// nameKey notes which key a session names. It returns the key that no session names any
// more, zero for none.
func (l *localStates) nameKey(local *localState, key apikey.Ref) (unnamed apikey.Ref) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if local.key == key {
		return apikey.Ref{}
	}
	before := local.key
	local.key = key
	l.naming[key]++
	return l.leaveKey(before)
}

func (l *localStates) leaveKey(key apikey.Ref) (unnamed apikey.Ref) {
	if l.naming[key] > 1 {
		l.naming[key]--
		return apikey.Ref{}
	}
	delete(l.naming, key)
	return key
}

// forget drops the local state of a session that is gone. It returns the key that no session
// names any more, zero for none.
func (l *localStates) forget(name types.NamespacedName, now time.Time) (unnamed apikey.Ref) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	local, ok := l.states[name]
	if !ok {
		return apikey.Ref{}
	}
	delete(l.states, name)
	if isRecent(local.attempts.asked, now) {
		l.asked[name] = local.attempts.asked
	}
	return l.leaveKey(local.key)
}

// sweep drops the requests of deleted sessions that do not matter any more. Looking at all
// of them at each deletion would take time that grows with its square.
func (l *localStates) sweep(now time.Time) {
	if isRecent(l.swept, now) {
		return
	}
	l.swept = now
	maps.DeleteFunc(l.asked, func(_ types.NamespacedName, asked time.Time) bool { return !isRecent(asked, now) })
}

// isRecent reports whether a request at that time still makes the next one wait.
func isRecent(asked, now time.Time) bool { return now.Sub(asked).Abs() < renewal.MinInterval }

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

// object is what written needs of an object.
type object interface {
	comparable
	GetResourceVersion() string
}

// written is the last version of an object that this process wrote or read live.
type written[T object] struct {
	last T
	at   time.Time
	// readLive reports whether a write showed the cache to be behind.
	readLive bool
	// undone is the version that the cache showed when a live read found an older one: it was
	// undone by a restore of etcd.
	undone string
}

func (w *written[T]) set(last T, now time.Time) { w.last, w.at, w.readLive = last, now, false }

// found sets what a live read found while the cache showed an object.
func (w *written[T]) found(live, cached T, now time.Time) {
	w.set(live, now)
	var none T
	if live != none && cached != none && newer(cached.GetResourceVersion(), live.GetResourceVersion()) {
		w.undone = cached.GetResourceVersion()
	}
}

// latest is the newer of what the cache shows and what this process wrote; zero when
// neither knows of the object. doubtful reports whether only a live read can tell.
func (w *written[T]) latest(cached T, now time.Time) (latest T, doubtful bool) {
	var none T
	isUndone := cached != none && cached.GetResourceVersion() == w.undone
	switch {
	case w.last == none:
		return cached, w.readLive || isUndone
	case cached != none && !isUndone && !newer(w.last.GetResourceVersion(), cached.GetResourceVersion()):
		w.last = none
		return cached, w.readLive
	}
	return w.last, w.readLive || now.Sub(w.at).Abs() >= maxCacheLag
}

// distrustCache makes the next pass read the object live: a write showed that the cache is
// behind.
func (w *written[T]) distrustCache() { w.readLive = true }

// newer reports whether resource version a is later than b.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}

func (r *readYourWrites) wroteSecret(session *v1alpha1.BillingSession, s *corev1.Secret, now time.Time) {
	r.generated.set(s, now)
	r.synced = writeOf(session, s)
}

func (r *readYourWrites) isSynced(session *v1alpha1.BillingSession, s *corev1.Secret) bool {
	return r.synced == writeOf(session, s)
}
