package controllers

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// record is what this process knows of a session beyond what the API server
// holds. Only the worker that reconciles the session uses it.
type record struct {
	uid types.UID

	// asked is when this process last asked for the session.
	asked time.Time
	// parked is since when the session waits for its turn; zero when it does not.
	parked time.Time
	// attempted says that last speaks, not the status: this process has asked.
	attempted       bool
	last            *v1alpha1.Attempt
	lastFingerprint string
	// handled is the renew token that this process answered last.
	handled string

	// unwritten is a grant that the Secret does not hold yet.
	unwritten *grant
	write     renewal.WriteState
	// writeFailures is how many writes in a row failed, and writeProblem why.
	writeFailures int
	writeProblem  string
	// refusedOn is the version of the Secret that could not be written, empty when
	// there was none.
	refusedOn string

	// tidied is the Secret that our last write led to. It is as tidy as it gets:
	// something in between may have the last word on its labels.
	tidied tidied
	// namespaceGone says that the namespace is being deleted: there is no way back.
	namespaceGone bool

	// session and secret are what this process wrote last, until a cache shows it.
	session  *v1alpha1.BillingSession
	secret   *corev1.Secret
	secretAt time.Time
	// readLive says that a write showed the caches to be behind.
	readLive bool
}

// memory holds the record of each session.
type memory struct {
	mu      sync.Mutex
	records map[types.NamespacedName]*record
}

func newMemory() *memory { return &memory{records: map[types.NamespacedName]*record{}} }

// of is the record of a session; a new one for a new session of the same name.
func (m *memory) of(session *v1alpha1.BillingSession) *record {
	name := types.NamespacedName{Namespace: session.Namespace, Name: session.Name}
	m.mu.Lock()
	defer m.mu.Unlock()
	rec, ok := m.records[name]
	if !ok || rec.uid != session.UID {
		rec = &record{uid: session.UID}
		m.records[name] = rec
	}
	return rec
}

func (m *memory) forget(name types.NamespacedName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.records, name)
}

// latestSession is the newer of what the cache shows and what this process wrote.
func (r *record) latestSession(cached *v1alpha1.BillingSession) *v1alpha1.BillingSession {
	if r.session != nil && newer(r.session.ResourceVersion, cached.ResourceVersion) {
		return r.session.DeepCopy()
	}
	r.session = nil
	return cached
}

// latestSecret is the newer of what the cache shows and what this process wrote;
// nil when neither knows of one. A Secret that the cache does not show yet is
// believed in for a moment only: it may have been deleted in between.
func (r *record) latestSecret(cached *corev1.Secret, now time.Time) (secret *corev1.Secret, doubtful bool) {
	if r.secret == nil {
		return cached, false
	}
	if cached == nil {
		return r.secret, now.Sub(r.secretAt).Abs() >= cacheLag
	}
	if newer(r.secret.ResourceVersion, cached.ResourceVersion) {
		return r.secret, false
	}
	r.secret = nil
	return cached, false
}

// cacheLag is for how long a cache that does not show our own write is believed
// to be late: an API server under load lets its watches fall behind for seconds.
const cacheLag = 10 * time.Second

// noticed ends the wait after a refused write once the Secret is another: what was
// in the way, such as its being immutable, may be gone with the former one.
func (r *record) noticed(secret *corev1.Secret) {
	if r.write.Refused && versionOf(secret) != r.refusedOn {
		r.write.RetryAt = time.Time{}
	}
}

// versionOf is the version of a Secret, empty for none.
func versionOf(secret *corev1.Secret) string {
	if secret == nil {
		return ""
	}
	return secret.ResourceVersion
}

func (r *record) wroteSecret(secret *corev1.Secret, now time.Time) {
	r.secret, r.secretAt = secret, now
	r.writeWorked()
}

// tidied is a version of a generated Secret that was written for a generation of
// the session.
type tidied struct {
	version    string
	generation int64
}

// writeFailing says whether writes fail for another reason than that somebody else
// wrote meanwhile.
func (r *record) writeFailing() bool { return r.write.Failed && r.writeProblem != "" }

// park notes since when the session waits for its turn.
func (r *record) park(now time.Time) {
	if r.parked.IsZero() {
		r.parked = now
	}
}

func (r *record) writeWorked() {
	r.write, r.writeFailures, r.writeProblem = renewal.WriteState{}, 0, ""
}
