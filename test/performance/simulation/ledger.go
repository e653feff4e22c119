package simulation

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// Replacement is a URL in a Secret that was seen to be there.
type Replacement struct {
	Session string
	At      time.Time
	// Old and New are when the URL before and this one expire; Old is zero for the first.
	Old, New time.Time
}

// IsOf reports whether the session is of a kind: it is named "kind-number".
func (r Replacement) IsOf(kind string) bool { return strings.HasPrefix(r.Session, kind+"-") }

// Ledger keeps which URLs were written into generated Secrets, in the order in which they
// were seen. It is safe for use by several goroutines.
type Ledger struct {
	mu   sync.Mutex
	seen []Replacement
}

// Note keeps what is new in a Secret; before is nil for a new one.
func (l *Ledger) Note(before, after *corev1.Secret) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := Replacement{Session: after.Name, At: time.Now(), Old: expireOf(before), New: expireOf(after)}
	if !r.New.Equal(r.Old) {
		l.seen = append(l.seen, r)
	}
}

// expireOf is when the URL in a Secret expires; zero when there is none.
func expireOf(secret *corev1.Secret) time.Time {
	if secret == nil {
		return time.Time{}
	}
	seconds, err := strconv.ParseInt(string(secret.Data[v1alpha1.SecretKeyExpire]), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.Unix(seconds, 0)
}

// Seen is all there is so far.
func (l *Ledger) Seen() []Replacement {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.seen)
}

// BySession is all there is so far, by the session's name.
func (l *Ledger) BySession() map[string][]Replacement {
	bySession := map[string][]Replacement{}
	for _, r := range l.Seen() {
		bySession[r.Session] = append(bySession[r.Session], r)
	}
	return bySession
}

// First are the first URLs of sessions of a kind.
func (l *Ledger) First(kind string) []Replacement {
	return slices.DeleteFunc(l.Seen(), func(r Replacement) bool { return !r.Old.IsZero() || !r.IsOf(kind) })
}

// Expired is how many of the sessions' URLs were not replaced in time.
func (l *Ledger) Expired(sessions []Session) (expired int) {
	bySession := l.BySession()
	for _, session := range sessions {
		if !slices.ContainsFunc(bySession[session.Name], func(r Replacement) bool {
			return r.Old.Equal(session.Expires) && !r.At.After(r.Old)
		}) {
			expired++
		}
	}
	return expired
}

// Renewals are what sessions of a kind will want next, and until when; without a kind, what
// all will.
func Renewals(sessions []*v1alpha1.BillingSession, kind string) (wanted []Session) {
	for _, session := range sessions {
		if status := session.Status; status.RenewalTime != nil && (kind == "" || strings.HasPrefix(session.Name, kind+"-")) {
			wanted = append(wanted, Session{
				Name: session.Name, Due: status.RenewalTime.Time, Expires: status.ExpirationTime.Time,
				Since: session.CreationTimestamp.Time,
			})
		}
	}
	return wanted
}
